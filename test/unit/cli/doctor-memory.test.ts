import { describe, expect, it } from 'vitest';
import { engineMemoryMb } from '../../../src/adapters/duckdb/engine.ts';
import { memoryCheck } from '../../../src/cli/doctor-checks.ts';

describe('memory of the embedded warehouse', () => {
  it('is compared with the machine', () => {
    expect(memoryCheck(2048, 8192)).toMatchObject({ ok: true, detail: "2048 MB of this machine's 8192 MB" });
    expect(memoryCheck(undefined, 8192).ok).toBe(true);
    expect(memoryCheck(7500, 8192)).toMatchObject({ ok: false, remedy: 'set warehouse.memoryLimit: 3584Mi in the profile' });
  });

  it('leaves room for the worker around the engine, and most of a small limit to the engine', () => {
    expect(engineMemoryMb(2048)).toBe(1600);
    expect(engineMemoryMb(200)).toBe(150);
  });
});

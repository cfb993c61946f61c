import { describe, expect, it } from 'vitest';
import { grownMemoryMb, growsMemory } from '../../../src/rules/memory-growth.ts';

const HALF_MORE = { memoryGrowth: 1.5 };

describe('memory after an out-of-memory end', () => {
  it('grows once, by the factor of the profile', () => {
    expect(growsMemory('out-of-memory', 0, HALF_MORE)).toBe(true);
    expect(growsMemory('out-of-memory', 1, HALF_MORE)).toBe(false);
    expect([0, 1].map((grown) => grownMemoryMb(1001, grown, HALF_MORE))).toEqual([1001, 1502]);
  });

  it('does not grow where the profile has none, nor after any other end', () => {
    expect(growsMemory('out-of-memory', 0, { memoryGrowth: 1 })).toBe(false);
    for (const verdict of ['preempted', 'crashed', 'bad-input', 'no-capacity'] as const)
      expect(growsMemory(verdict, 0, HALF_MORE)).toBe(false);
  });
});

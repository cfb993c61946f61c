import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf } from '../../../src/cli/exit.ts';
import { RunFailedError } from '../../../src/client/errors.ts';
import type { RunResult } from '../../../src/contract/state.ts';

const failed = (type: string, result: RunResult | null): RunFailedError =>
  new RunFailedError('r', 'failed', 'step tune: sampler.options: …', type, result);

describe('a run that its workers refused', () => {
  it('was bad input where nothing of it was begun', () => {
    expect(exitCodeOf(failed('InvalidInput', null))).toBe(EXIT.badInput);
    expect(exitCodeOf(failed('InvalidDocument', null))).toBe(EXIT.badInput);
  });

  it('was none where something was begun, or something else happened', () => {
    expect(exitCodeOf(failed('InvalidInput', {} as unknown as RunResult))).toBe(EXIT.failed);
    expect(exitCodeOf(failed('SearchFailed', null))).toBe(EXIT.failed);
  });
});

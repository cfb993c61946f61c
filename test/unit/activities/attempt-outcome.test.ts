import { describe, expect, it } from 'vitest';
import { attemptOutcome } from '../../../activities/attempt-outcome.ts';
import { Foreign } from '../../../activities/foreign-systems.ts';
import { UNKNOWN_END } from '../../../src/contract/jobs.ts';
import type { AttemptInput } from '../../../src/contract/attempts.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';
import { profileOf } from '../../workflow/search-harness.ts';

const OUTPUT = 'file:///s/out/trial-0';

describe('an attempt that ended with 143 and a checkpoint', () => {
  const verdictOf = async (askedToEnd: boolean, stopRequested: boolean): Promise<string> => {
    const store = await createMemoryPorts().store(profileOf());
    const files = { 'state.npz': { bytes: 1, sha256: 'x' } };
    const latest = {
      version: 1,
      attempt: 2,
      claim: 'c',
      checkpoint: '000000040-2',
      samples: 40,
      step: 40,
      files,
      previous: [],
      reason: 'sigterm',
      time: 1,
    };
    await store.write(`${OUTPUT}/checkpoints/LATEST`, JSON.stringify(latest));
    const input = { attempt: 2, trial: { output: OUTPUT, profile: profileOf() } } as unknown as AttemptInput;
    const end = { ...UNKNOWN_END, state: 'failed' as const, exitCode: 143, ...(askedToEnd ? { askedToEnd } : {}) };
    return (await attemptOutcome({ input, end, silent: false, stopRequested }, store, new Foreign(true, { until: [] }))).verdict;
  };

  it('was preempted where nobody asked it to go', async () => {
    expect(await verdictOf(false, false)).toBe('preempted');
  });

  it('was stopped where we asked it to, also while Temporal, which would know, is away', async () => {
    expect(await verdictOf(false, true)).toBe('stopped');
    expect(await verdictOf(true, false)).toBe('stopped');
  });
});

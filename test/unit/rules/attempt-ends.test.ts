import { describe, expect, it } from 'vitest';
import { UNKNOWN_END } from '../../../src/contract/jobs.ts';
import { classifyEnd } from '../../../src/rules/attempt-ends.ts';
import { NO_EVIDENCE } from '../../support/end-evidence.ts';

const judged = (exitCode: number, isTrial: boolean, newerAttempt: number | null = null) =>
  classifyEnd(
    { ...UNKNOWN_END, state: 'failed', exitCode },
    { attempt: 1, latest: null, hasResult: false, stopRequested: false, silentSeconds: null, newerAttempt, isTrial },
  );

describe('exit code 75', () => {
  it('of a trial says that a later attempt has taken over', () => {
    expect(judged(75, true)).toEqual({ verdict: 'fenced', cause: 'a later attempt writes to the same output' });
  });

  it('of a container or script is its own, like that of any crash: nobody took over', () => {
    expect(judged(75, false)).toEqual({ verdict: 'crashed', cause: 'exit code 75' });
  });

  it.each([64, 65, 69, 74, 76, 78])('has neighbours that are bad input whoever ends with them: %i', (code) => {
    for (const isTrial of [true, false]) expect(judged(code, isTrial).verdict).toBe('bad-input');
  });
});

it('a later attempt that wrote to the same output fences a trial, whatever its exit code', () => {
  for (const code of [1, 75, 137]) expect(judged(code, true, 2).verdict).toBe('fenced');
});

describe('an attempt that could not start', () => {
  const kept = (reason: 'image' | 'rejected' | 'no-capacity' | 'quota', hasTrained: boolean) =>
    classifyEnd({ ...UNKNOWN_END, state: 'failed', notStarted: { reason, message: 'why' } }, { ...NO_EVIDENCE, hasTrained });

  it('is wrong in itself where none has trained before, unless there was no machine', () => {
    for (const reason of ['image', 'rejected'] as const) expect(kept(reason, false)).toEqual({ verdict: 'bad-input', cause: 'why' });
    for (const reason of ['no-capacity', 'quota'] as const) expect(kept(reason, false).verdict).toBe('no-capacity');
  });

  it('is tried again after others have trained, whatever it was: a registry, a secret or a volume that is away comes back', () => {
    for (const reason of ['rejected', 'no-capacity', 'quota'] as const)
      expect(kept(reason, true)).toEqual({ verdict: 'no-capacity', cause: 'why' });
    expect(kept('image', true).verdict).toBe('no-capacity');
  });
});

describe('an attempt without its image', () => {
  const without = (passes: boolean, more: object = {}) =>
    classifyEnd(
      { ...UNKNOWN_END, state: 'failed', notStarted: { reason: 'image', message: 'why', ...(passes ? { passes } : {}) } },
      { ...NO_EVIDENCE, ...more },
    );
  const awaits = { verdict: 'no-capacity', cause: 'waiting for the registry: why', awaits: 'registry' };

  it('waits for its registry where that is away, or has given the image before', () => {
    expect(without(true)).toEqual(awaits);
    expect(without(false, { hadImage: true })).toEqual(awaits);
    expect(without(false, { hasTrained: true })).toEqual(awaits);
    expect(without(false)).toEqual({ verdict: 'bad-input', cause: 'why' });
  });

  it('was stopped where it was to stop', () => {
    expect(without(true, { stopRequested: true }).verdict).toBe('stopped');
  });
});

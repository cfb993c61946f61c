import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptIdentity, capacityIdentity, stepIdentity } from '../../../activities/job-places.ts';
import { FORMER_NAMES, homeOf } from '../../../src/contract/ids.ts';
import { isSameJob } from '../../../src/contract/jobs.ts';
import type { AttemptInput } from '../../../src/contract/attempts.ts';

/** Short alphabets meet most often. */
const word = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '_'), minLength: 1, maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('a', 'b', '-', 'Ä', '商'), minLength: 20, maxLength: 80 }),
);
const place = fc.record({
  root: fc.constantFrom('gs://one', 'gs://two'),
  run: word,
  step: word,
  trial: fc.integer({ min: 0, max: 999_999 }),
  attempt: fc.integer({ min: 1, max: 99_999 }),
  kind: fc.constantFrom('attempt' as const, 'capacity' as const, 'step' as const),
});
type Place = typeof place extends fc.Arbitrary<infer P> ? P : never;

function identity({ root, run, step, trial, attempt, kind }: Place) {
  if (kind === 'step') return stepIdentity({ root }, { pipeline: 'p', run, step, attempt });
  const input = { trial: { pipeline: 'p', run, step, trial }, attempt } as unknown as AttemptInput;
  return kind === 'attempt' ? attemptIdentity({ root }, input) : capacityIdentity({ root }, input);
}

describe('names of Jobs', () => {
  it('are DNS labels that leave room for a pod’s suffix', () => {
    fc.assert(
      fc.property(place, (each) => {
        expect(identity(each).name).toMatch(/^(?=.{1,57}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      }),
    );
  });

  it('meet where everything that they belong to is the same, and nowhere else', () => {
    fc.assert(
      fc.property(place, place, (one, other) => {
        const key = ({ root, run, step, trial, attempt, kind }: Place): string =>
          JSON.stringify([root, run, step, kind === 'step' ? null : trial, attempt, kind]);
        expect(identity(one).name === identity(other).name).toBe(key(one) === key(other));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['prep.a of a forEach, and a step prep-a', ['run', 'prep.a'], ['run', 'prep-a']],
    ['a run a-b with a step c, and a run a with a step b-c', ['a-b', 'c'], ['a', 'b-c']],
    ['long names that differ at their end', ['run', `${'x'.repeat(70)}1`], ['run', `${'x'.repeat(70)}2`]],
  ])('differ for %s', (_what, [run = '', step = ''], [otherRun = '', otherStep = '']) => {
    const name = (r: string, s: string): string => stepIdentity({ root: 'gs://b' }, { pipeline: 'p', run: r, step: s, attempt: 1 }).name;
    expect(name(run, step)).not.toBe(name(otherRun, otherStep));
  });

  it('of 0.1.0 that did meet are told apart by what their Jobs say', () => {
    expect(FORMER_NAMES.step('run', 'prep.a', 1)).toBe(FORMER_NAMES.step('run', 'prep-a', 1));
    const ofA = stepIdentity({ root: 'gs://b' }, { pipeline: 'p', run: 'run', step: 'prep.a', attempt: 1 });
    const old = { pipeline: 'p', run: 'run', attempt: '1' };
    expect(isSameJob({ ...old, step: 'prep.a' }, ofA.labels)).toBe(true);
    expect(isSameJob({ ...old, step: 'prep-a' }, ofA.labels)).toBe(false);
    expect(isSameJob({ ...old, step: 'prep.a', home: homeOf('gs://other') }, ofA.labels)).toBe(false);
  });
});

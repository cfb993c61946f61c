import { describe, expect, it } from 'vitest';
import { trialsThatFit, type Standing, type Used } from '../../../src/rules/promise.ts';

const HOUR = 3600;
const standing = (more: Partial<Standing> = {}): Standing => ({
  secondsLeft: null,
  costLeft: null,
  begun: [],
  places: 2,
  planned: 20,
  ...more,
});
const same: readonly Used[] = [{ seconds: HOUR, cost: 2 }];
/** From half an hour to an hour and a half. */
const varied: readonly Used[] = Array.from({ length: 21 }, (_, i) => ({ seconds: HOUR * (0.5 + i / 20), cost: 2 }));

describe('trials that an end and a cost have room for', () => {
  it('are all where nothing is promised, or nothing is known', () => {
    expect(trialsThatFit(standing(), same)).toBe(20);
    expect(trialsThatFit(standing({ secondsLeft: 1 }), [])).toBe(20);
  });

  it('are counted by places and time, and by money, where all trials are the same', () => {
    expect(trialsThatFit(standing({ secondsLeft: 3.5 * HOUR }), same)).toBe(6);
    expect(trialsThatFit(standing({ costLeft: 9 }), same)).toBe(4);
    expect(trialsThatFit(standing({ secondsLeft: 3.5 * HOUR, costLeft: 5 }), same)).toBe(2);
    expect(trialsThatFit(standing({ secondsLeft: 0.9 * HOUR }), same)).toBe(0);
  });

  it('leave room for the ones that were begun', () => {
    const begun = [{ seconds: HOUR / 2, cost: 1 }];
    expect(trialsThatFit(standing({ secondsLeft: 2.6 * HOUR, begun }), same)).toBe(4);
    expect(trialsThatFit(standing({ costLeft: 5.5, begun }), same)).toBe(2);
  });

  it('leave room for replicates, which come last and train to their ends', () => {
    const after = { trainings: 4, known: [{ seconds: 2 * HOUR, cost: 4 }] };
    // Two at a time take four hours and cost 16.
    expect(trialsThatFit(standing({ secondsLeft: 7.5 * HOUR, after }), same)).toBe(6);
    expect(trialsThatFit(standing({ costLeft: 25, after }), same)).toBe(4);
    expect(trialsThatFit(standing({ costLeft: 15, after }), same)).toBe(0);
    // Where none is known that trained to its end, they are taken for trials.
    expect(trialsThatFit(standing({ costLeft: 25, after: { trainings: 4, known: [] } }), same)).toBe(8);
  });

  it('take a trial that is held at a rung for one of which most go no further, and let it wait for a place', () => {
    // Of twenty, one went on from the rung after an hour, to ten hours.
    const promoted: Used[] = [...Array.from({ length: 19 }, () => ({ seconds: HOUR, cost: 1 })), { seconds: 10 * HOUR, cost: 10 }];
    const held = Array.from({ length: 10 }, () => ({ seconds: 1.01 * HOUR, cost: 1.01, waits: 'held' as const }));
    const going = held.map(({ seconds, cost }) => ({ seconds, cost }));
    expect(trialsThatFit(standing({ costLeft: 60, begun: held, places: 10 }), promoted)).toBe(20);
    expect(trialsThatFit(standing({ costLeft: 60, begun: going, places: 10 }), promoted)).toBe(0);
    // Those that wait come one after the other.
    const queued = [1, 2, 3].map(() => ({ seconds: 0, cost: 0, waits: 'queued' as const }));
    expect(trialsThatFit(standing({ secondsLeft: 4.5 * HOUR, places: 1, begun: queued }), same)).toBe(1);
  });

  it('are fewer than on average fit, so that nearly always all of them do', () => {
    const fit = trialsThatFit(standing({ secondsLeft: 10 * HOUR, places: 1 }), varied);
    expect(fit).toBeLessThan(10);
    expect(fit).toBeGreaterThanOrEqual(7);
    const roomy = trialsThatFit(standing({ secondsLeft: 12 * HOUR, places: 1 }), varied);
    expect(roomy).toBeGreaterThan(fit);
  });
});

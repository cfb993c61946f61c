import { describe, expect, it } from 'vitest';
import type { SearchState, TrialState } from '../../../src/contract/state.ts';
import { costForecast, pointsPerMinute, remaining, trialsPerHour } from '../../../src/present/pace.ts';
import { costFigures } from '../../../src/present/charts/cost-figures.ts';
import { trialOfState } from '../../../src/present/charts/views.ts';
import { makeRun } from '../../support/run-data.ts';

const HOUR = 3_600_000;
const NOW = 100 * HOUR;
const { search: base } = makeRun({ stage: 'running' }).searches;
const { trainedSeconds: _, trainsSince: __, ...trial } = base!.trials[0]!;
const of = (change: Partial<TrialState>): TrialState => ({
  ...trial,
  status: 'running',
  startedAt: NOW - 10 * HOUR,
  endedAt: null,
  points: 6,
  cost: 0,
  ...change,
});
const over = { status: 'succeeded', endedAt: NOW - HOUR } as const;
const held = { status: 'paused', held: true } as const;
const searching = (trials: TrialState[], plannedTrials = trials.length, parallel = 1): SearchState => ({
  ...base!,
  trials,
  plannedTrials,
  parallel,
  cost: trials.reduce((sum, { cost }) => sum + cost, 0),
});

describe('the pace of a search that holds trials at rungs', () => {
  const search = searching(
    [
      of({ ...over, cost: 9, trainedSeconds: 5 * 3600 }),
      of({ ...held, cost: 1, trainedSeconds: 3600 }),
      of({ ...held, cost: 2, trainedSeconds: 3 * 3600 }),
      of({ cost: 3, trainedSeconds: 1800, trainsSince: NOW - HOUR }),
    ],
    6,
  );

  it('expects of those to come what the others took so far, and nothing more of those that are held', () => {
    expect(costForecast(search)).toBeCloseTo(15 + (4 - 3) + 2 * 4);
    const { run } = makeRun({ stage: 'running' });
    const trials = search.trials.map((one) => trialOfState('search', one));
    expect(costFigures({ run: { ...run, cost: 15, steps: [] }, trials, attempts: [], plannedTrials: 6 }).forecast).toBeCloseTo(15 + 9);
    expect(remaining(search, NOW)).toBeCloseTo((3 - 1.5 + 2 * 3) * HOUR);
    expect(remaining({ ...search, parallel: 3 }, NOW)).toBeCloseTo((1.5 + 6) * (HOUR / 3));
    expect(trialsPerHour(search, NOW)).toBeCloseTo(3 / 10);
  });

  it('says what it can while none has trained to its end', () => {
    const none = searching(search.trials.slice(1), 6);
    expect(costForecast(none)).toBeCloseTo(6 + 3 * 1.5);
    expect(remaining(none, NOW)).toBeCloseTo((2 - 1.5 + 3 * 2) * HOUR);
  });

  it('counts on a trial that a person has paused: it goes on', () => {
    const paused = searching([of({ ...over, cost: 9 }), of({ status: 'paused', cost: 2 })]);
    expect(costForecast(paused)).toBeCloseTo(11 + 7);
  });
});

describe('the pace of a trial', () => {
  it('is of the time that it had machines, and there is none while it is held', () => {
    expect(pointsPerMinute(of({ trainedSeconds: 60, trainsSince: NOW - 120_000 }), NOW)).toBeCloseTo(2);
    expect(pointsPerMinute(of({ trainedSeconds: 180 }), NOW)).toBeCloseTo(2);
    expect(pointsPerMinute(of({ ...held, trainedSeconds: 180 }), NOW)).toBeNull();
  });

  it('of an older worker, that does not tell it, is of all time since its start', () => {
    expect(pointsPerMinute(of({ startedAt: NOW - 3 * 60_000 }), NOW)).toBeCloseTo(2);
    expect(remaining(searching([of(over), of({})], 3), NOW)).toBeCloseTo(9 * HOUR);
  });

  it('counts stopped trials as others, and none that failed', () => {
    const stopped = of({ status: 'stopped', endedAt: NOW, trainedSeconds: 3600, cost: 1 });
    const failed = of({ status: 'failed', endedAt: NOW, trainedSeconds: 60, cost: 0.1 });
    expect(remaining(searching([stopped, failed], 4), NOW)).toBeCloseTo(2 * HOUR);
    expect(costForecast(searching([stopped, failed], 4))).toBeCloseTo(1.1 + 2);
  });
});

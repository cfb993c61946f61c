/** The last points of a trial, written after the last look of a watch and told to have come before that one answers. */
import { Context } from '@temporalio/activity';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CurveInput, CurvePoint, CurvePoints } from '../../src/contract/attempts.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from './environment.ts';
import { specOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const POPULATION = { kind: 'pbt', population: 2, interval: 1, explore: 'perturb' };

describe('a watch that answers after the end of a trial was told, without its last point', () => {
  const harness = sharedSearchHarness();
  /** Of each trial, as it would be in the store. */
  let written: Map<number, number>;
  let watches: CurveInput[];
  let state: () => Promise<SearchState>;
  beforeEach(() => {
    written = new Map();
    watches = [];
  });

  const pointsOf = ({ trials, metrics, resource }: CurveInput, trial: number): CurvePoint[] => {
    const from = trials.find((one) => one.trial === trial)?.n ?? 0;
    return Array.from({ length: Math.max(0, (written.get(trial) ?? 0) - from) }, (_, i): CurvePoint => {
      const n = from + i + 1;
      const values = metrics.map((name) => (name === 'score' ? trial : null));
      return resource === undefined ? [trial, n, n, values] : [trial, n, n, values, n];
    });
  };
  const answer = (input: CurveInput, trials: readonly number[]): Partial<CurvePoints> => {
    const points = trials.flatMap((trial) => pointsOf(input, trial));
    return { points, seen: points.map(([trial, n]) => [trial, n] as const) };
  };
  const over = async (): Promise<Partial<CurvePoints>> => {
    const beating = setInterval(() => {
      Context.current().heartbeat();
    }, 50);
    await Context.current().cancelled.catch(() => undefined);
    clearInterval(beating);
    return {};
  };
  const status = async (trial: number): Promise<string | undefined> => (await state()).trials[trial]?.status;

  it('is followed by one that reads it', async () => {
    harness.world.curves = async (input) => {
      watches.push(input);
      // Its last look at trial 0 was before that one's point.
      if (watches.length === 1) {
        await until(async () => (await status(0)) === 'succeeded', 'the end of trial 0');
        return answer(input, [1]);
      }
      if (watches.length > 2) return over();
      written.set(1, 2);
      return answer(input, [0, 1]);
    };
    harness.world.attempt = async ({ trial: { trial } }) => {
      written.set(trial, 1);
      if (trial === 1) await until(() => Promise.resolve(watches.length > 2), 'a third watch');
      return { lastProgress: written.get(trial) ?? 0, objective: trial, metrics: { score: trial } };
    };
    const search = await harness.search(specOf({ trials: 2, parallel: 2 }));
    state = () => search.query<SearchState>('state');
    await search.result();
    expect((await state()).trials.map(({ points }) => points)).toEqual([1, 2]);
  });

  it('holds up no population: what its members wrote last is read, and compared', async () => {
    harness.world.curves = async (input) => {
      watches.push(input);
      if (watches.length === 1) return over();
      const ended = input.trials.filter(({ last }) => last !== undefined).map(({ trial }) => trial);
      const found = answer(input, ended);
      return (found.points ?? []).length > 0 ? found : over();
    };
    harness.world.attempt = async ({ trial: { trial, spec, fork } }) => {
      written.set(trial, fork ? spec.epochs - 1 : spec.epochs);
      return Promise.resolve({ lastProgress: written.get(trial) ?? 0, objective: trial, metrics: { score: trial } });
    };
    const search = await harness.search(specOf({ trials: 3, parallel: 2, epochs: 2, scheduler: POPULATION }));
    state = () => search.query<SearchState>('state');
    await search.result();
    const { trials } = await state();
    expect(trials[0]).toMatchObject({
      status: 'stopped',
      reason: expect.stringMatching(/^pbt: number 2 of 2 after 1 interval; /) as string,
    });
    expect(trials[2]).toMatchObject({ parent: 1, status: 'succeeded' });
  });
});

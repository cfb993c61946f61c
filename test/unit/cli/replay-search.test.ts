import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplaySearchOutput } from '../../../src/cli/output-schemas.ts';
import { checkMetrics, joinedRows, recordedSearch } from '../../../src/cli/replay/recorded-search.ts';
import { renderReplays, replayJson, untrainedParts, type Replayed } from '../../../src/cli/replay/rendering.ts';
import { summarise } from '../../../src/cli/replay/replay-summary.ts';
import { inRecordedOrder, replay, type RecordedSearch, type RecordedTrial } from '../../../src/cli/replay/replayed-search.ts';
import { replayPromotion, type Untrained } from '../../../src/cli/replay/promoted-search.ts';
import { schedulerOf, stoppingOf } from '../../../src/cli/replay/rules.ts';
import { distanceOf, surrogateSampler } from '../../../src/cli/replay/surrogate-sampler.ts';
import type { AskInput } from '../../../src/contract/sampler.ts';
import { Sampler, Space, StoppingRule } from '../../../src/contract/search-space.ts';
import { makeRun } from '../../support/run-data.ts';
import pc from 'picocolors';

const SECONDS_A_POINT = 10;

/** A trial with a point every ten seconds, that costs a unit of money each. */
function trialOf(trial: number, curve: readonly number[], more: Partial<RecordedTrial> = {}): RecordedTrial {
  const points = curve.map((value, i) => ({ seconds: (i + 1) * SECONDS_A_POINT, cost: i + 1, value, metrics: { score: value } }));
  const objective = curve.at(-1) ?? null;
  const seconds = curve.length * SECONDS_A_POINT;
  return {
    trial,
    status: 'succeeded',
    parameters: { x: trial / 10 },
    points,
    seconds,
    cost: curve.length,
    objective,
    values: [objective],
    endedAt: 0,
    ...more,
  };
}

const searchOf = (trials: readonly RecordedTrial[], parallel = 1): RecordedSearch => ({
  study: 'run/search',
  objective: { metric: 'score', goal: 'maximize' },
  parallel,
  trials: trials.map((trial, i) => ({ ...trial, endedAt: trial.endedAt || i })),
});
const rulesOf = (...rules: unknown[]): StoppingRule[] => StoppingRule.array().parse(rules);
const played = (search: RecordedSearch, rules: readonly StoppingRule[]) => replay(search, rules, inRecordedOrder(search.trials));

describe('a replayed search', () => {
  const climbing = [1, 2, 3, 4];
  const poor = [0, 0.5, 0.6, 0.7];

  it('ends as recorded without a rule', async () => {
    const search = searchOf([
      trialOf(0, climbing),
      trialOf(1, poor),
      trialOf(2, [5], { status: 'failed', objective: null, values: [null] }),
    ]);
    const ended = await played(search, []);
    expect(ended.map(({ status, reason, cost }) => [status, reason, cost])).toEqual([
      ['succeeded', null, 4],
      ['succeeded', null, 4],
      ['failed', null, 1],
    ]);
    expect(summarise(search, ended)).toMatchObject({
      stopped: 0,
      seconds: 90,
      cost: 9,
      saved: 0,
      regret: 0,
      best: { trial: 0, trials: 1, cost: 4 },
    });
  });

  it('stops where the rule would have, and pays for what ran until then', async () => {
    const search = searchOf([trialOf(0, climbing), trialOf(1, poor)]);
    const ended = await played(search, rulesOf({ kind: 'median', startupTrials: 1 }));
    expect(ended[1]).toMatchObject({ status: 'stopped', points: 1, seconds: 10, cost: 1, objective: 0 });
    expect(ended[1]?.reason).toMatch(/^median: best value 0 is worse than the median 1 of 1 trials at point 1$/);
    expect(summarise(search, ended)).toMatchObject({ stopped: 1, seconds: 50, cost: 5, saved: 1 - 50 / 80, regret: 0 });
  });

  it('says how much a rule that stops the best would have lost', async () => {
    const search = searchOf([trialOf(0, climbing), trialOf(1, [0, 3, 6, 9])]);
    const ended = await played(search, rulesOf({ kind: 'median', startupTrials: 1 }));
    expect(summarise(search, ended)).toMatchObject({ best: { trial: 0, objective: 4 }, regret: 5 });
  });

  it('gives the place of a stopped trial to the next one', async () => {
    const search = searchOf([trialOf(0, climbing), trialOf(1, climbing), trialOf(2, poor), trialOf(3, poor)], 2);
    const ended = await played(search, rulesOf({ kind: 'median', startupTrials: 1 }));
    expect(ended.map(({ trial, startedAt, endedAt }) => [trial, startedAt, endedAt])).toEqual([
      [0, 0, 40],
      [1, 0, 40],
      [2, 40, 50],
      [3, 40, 50],
    ]);
  });

  it('lets rules of time and money bite between points', async () => {
    const search = searchOf([trialOf(0, climbing)]);
    expect((await played(search, rulesOf({ kind: 'wall-clock', seconds: 25 })))[0]).toMatchObject({
      status: 'stopped',
      points: 2,
      seconds: 26,
    });
    expect((await played(search, rulesOf({ kind: 'cost', amount: 1.5 })))[0]).toMatchObject({
      status: 'stopped',
      points: 1,
      seconds: 16,
      cost: 1.6,
    });
    expect((await played(search, rulesOf({ kind: 'wall-clock', seconds: 500 })))[0]).toMatchObject({ status: 'succeeded' });
  });

  it('does not invent how a trial that was stopped would have gone on', async () => {
    const search = searchOf([trialOf(0, climbing), trialOf(1, [3, 5], { status: 'stopped' })]);
    const ended = await played(search, []);
    expect(ended[1]).toMatchObject({ status: 'stopped', reason: null, points: 2 });
    // It counts with its best point.
    expect(summarise(search, ended)).toMatchObject({ unknown: 1, best: { trial: 1, objective: 5 } });
  });

  it('never costs more than what was recorded, on a run with preemptions, and has the documented shape', async () => {
    const made = makeRun({ trials: 40, parallel: 4 });
    const spec = made.document.steps.find(({ id }) => id === 'search')?.spec;
    if (spec?.kind !== 'search') throw new Error('no search');
    const search = recordedSearch('run/search', 'search', spec, made);
    expect(search.trials).toHaveLength(40);
    for (const { points, seconds } of search.trials)
      expect(points.map((point) => point.seconds)).toEqual(
        [...points.map((point) => Math.min(point.seconds, seconds))].sort((a, b) => a - b),
      );
    const replays = await Promise.all(
      ['none', 'asha', 'median,divergence'].map(async (text) => {
        const { name, rules } = stoppingOf(text);
        return { rules: name, sampler: null, ended: await played(search, rules), distances: null };
      }),
    );
    for (const { ended } of replays) {
      expect(ended.map(({ trial }) => trial).sort((a, b) => a - b)).toEqual(search.trials.map(({ trial }) => trial).sort((a, b) => a - b));
      for (const { trial, seconds, cost, points } of ended) {
        const recorded = search.trials.find((one) => one.trial === trial);
        expect(seconds).toBeLessThanOrEqual(recorded?.seconds ?? 0);
        expect(cost).toBeLessThanOrEqual((recorded?.cost ?? 0) + 1e-9);
        expect(points).toBeLessThanOrEqual(recorded?.points.length ?? 0);
      }
    }
    const json = ReplaySearchOutput.parse(JSON.parse(JSON.stringify(replayJson(search, replays))));
    expect(json.replays[0]?.saved).toBe(0);
    expect(json.replays[1]?.stopped).toBeGreaterThan(json.recorded.stopped);
    const text = renderReplays(search, replays, 'tpe', 'USD', pc.createColors(false));
    expect(text).toMatch(/asha +as recorded +40 /);
    expect(text).toContain('were never trained');
  });
});

describe('promotion on a recorded search', () => {
  const asha = schedulerOf('{"kind":"asha","min":1,"reduction_factor":2}').scheduler;
  const rising = (worth: number, points = 4): number[] => Array.from({ length: points }, (_, i) => worth + i / 100);

  it('holds at rungs, trains the best to its end, and pays for nothing twice', () => {
    const search = searchOf([0.2, 0.8, 0.1, 0.4].map((worth, trial) => trialOf(trial, rising(worth))));
    const { ended, untrained } = replayPromotion(search, asha);
    expect(untrained).toEqual([]);
    expect(ended.map(({ trial, status, points }) => [trial, status, points]).sort()).toEqual([
      [0, 'stopped', 1],
      [1, 'succeeded', 4],
      [2, 'stopped', 1],
      [3, 'stopped', 2],
    ]);
    expect(summarise(search, ended)).toMatchObject({ cost: 8, seconds: 80, saved: 0.5, regret: 0, best: { trial: 1 } });
  });

  it('says which parts of curves it would have needed, and that the answer depends on them', () => {
    // The best one was stopped by the rule of then.
    const trials = [trialOf(0, rising(0.2)), trialOf(1, rising(0.8, 2), { status: 'stopped' }), trialOf(2, rising(0.1)), trialOf(3, rising(0.4))]; // prettier-ignore
    const search = searchOf(trials);
    const played = { rules: 'scheduler asha', sampler: null, distances: null, ...replayPromotion(search, asha) };
    expect(played.untrained).toEqual([{ trial: 1, points: 2, wanted: null }]);
    const json = ReplaySearchOutput.parse(JSON.parse(JSON.stringify(replayJson(search, [played]))));
    expect(json.replays[0]).toMatchObject({ resolved: false, untrained: [{ trial: 1, points: 2, wanted: null }] });
    expect(renderReplays(search, [played], 'tpe', 'USD', pc.createColors(false))).toContain(
      'never trained: trial 1 beyond point 2 (to its end).',
    );
    // Held where its curve ends, it is known.
    const two = replayPromotion(search, schedulerOf('{"kind":"sync-halving","min":2,"reduction_factor":4,"max":8}').scheduler);
    expect(two.untrained).toEqual([{ trial: 1, points: 2, wanted: null }]);
    const better = searchOf(trials.map((one) => (one.trial === 0 ? trialOf(0, rising(0.9)) : one)));
    expect(replayPromotion(better, asha).untrained).toEqual([]);
  });

  it('has the curves of both runs once the missing parts were trained', () => {
    const made = makeRun({ trials: 40, parallel: 4 });
    const spec = made.document.steps.find(({ id }) => id === 'search')?.spec;
    if (spec?.kind !== 'search') throw new Error('no search');
    const short = made.trials.find(({ status }) => status === 'stopped');
    if (!short) throw new Error('none was stopped');
    const point = made.progress.filter(({ trial, kind }) => trial === short.trial && kind === 'validation').at(-1);
    if (!point) throw new Error('it has no point');
    const attempts = made.attempts.filter(({ trial }) => trial === short.trial);
    const later = {
      trials: [{ ...short, run: 'thawed', status: 'succeeded', cost: 5 }],
      attempts: [{ ...attempts[0], run: 'thawed', attempt: 90, seconds: 100, cost: 5 }] as typeof attempts,
      progress: [{ ...point, run: 'thawed', attempt: 90, n: Number(point.n) + 1 }],
      evaluations: [],
    };
    const search = recordedSearch('run/search', 'search', spec, made);
    const joined = recordedSearch('run/search', 'search', spec, joinedRows('thawed', made, later));
    const of = ({ trials }: RecordedSearch): RecordedTrial | undefined => trials.find(({ trial }) => trial === short.trial);
    expect(joined.trials.map(({ trial }) => trial)).toEqual(search.trials.map(({ trial }) => trial));
    expect(of(joined)).toMatchObject({ status: 'succeeded', cost: (of(search)?.cost ?? 0) + 5 });
    expect(of(joined)?.points).toHaveLength((of(search)?.points.length ?? 0) + 1);
    expect(of(joined)?.seconds).toBeGreaterThan(of(search)?.seconds ?? 0);
  });

  it('lets no trial go on before others, nor be the best, that does not keep to the constraints', () => {
    const search = searchOf(
      [0.2, 0.8, 0.1, 0.4].map((worth, trial) => {
        const made = trialOf(trial, rising(worth));
        const keeps = worth > 0.5 ? 'not all' : 'all';
        return { ...made, keeps, points: made.points.map((point) => ({ ...point, keeps })) } as const;
      }),
    );
    const { ended } = replayPromotion(search, asha);
    expect(ended.map(({ trial, status, points }) => [trial, status, points]).sort()).toEqual([
      [0, 'stopped', 2],
      [1, 'stopped', 1],
      [2, 'stopped', 1],
      [3, 'succeeded', 4],
    ]);
    expect(summarise(search, ended)).toMatchObject({ best: { trial: 3 }, regret: 0 });
  });

  it('reads of the ledger what keeps to the constraints, and leaves replicates out', () => {
    const made = makeRun({ trials: 3, parallel: 1 });
    const spec = made.document.steps.find(({ id }) => id === 'search')?.spec;
    if (spec?.kind !== 'search') throw new Error('no search');
    const metricConstraints = [
      { metric: 'latency', max: 20 },
      { metric: 'offline.recall', min: 0.3 },
    ];
    const [first] = made.trials;
    if (!first) throw new Error('no trial');
    const at = (seconds: number): string => new Date(Date.parse(String(first.started_at)) + seconds * 1000).toISOString();
    const of = { pipeline: first.pipeline, run: first.run, step: first.step ?? null, trial: first.trial, attempt: 1 };
    const point = (n: number, latency: number): (typeof made.progress)[number] => ({
      ...{ ...of, n, kind: 'validation', time: at(n) },
      metrics: JSON.stringify({ [spec.objective.metric]: 0.5, latency }),
    });
    const recall = { ...of, metric: 'recall', value: 0.5, early: true, samples: 1, time: at(2.5) };
    const search = recordedSearch(
      'run/search',
      'search',
      { ...spec, metricConstraints },
      {
        attempts: [],
        trials: [
          { ...first, metrics: JSON.stringify({ latency: 10, 'offline.recall': 0.2 }) },
          { ...first, trial: 1, origin: 'replicate' },
        ],
        progress: [point(1, 10), point(2, 30), point(3, 10)],
        evaluations: [recall],
      },
    );
    expect(search.trials).toHaveLength(1);
    expect(search.trials[0]?.keeps).toBe('not all');
    expect(search.trials[0]?.points.map(({ keeps }) => keeps)).toEqual(['unknown', 'not all', 'all']);
    const [without] = recordedSearch('run/search', 'search', spec, made).trials;
    expect(without).not.toHaveProperty('keeps');
  });

  it('asks of each trial for as much as any of the answers does', () => {
    const ended = replayPromotion(searchOf([trialOf(0, rising(1))]), asha).ended;
    const one = (...untrained: Untrained[]): Replayed => ({ rules: 'r', sampler: null, distances: null, ended, untrained });
    const parts = untrainedParts(searchOf([]), [
      one({ trial: 4, points: 2, wanted: 6 }, { trial: 1, points: 2, wanted: 4 }),
      one({ trial: 1, points: 2, wanted: null }, { trial: 4, points: 2, wanted: 3 }),
    ]);
    expect(parts).toEqual([{ trial: 1, points: null }, { trial: 4, points: 6 }]); // prettier-ignore
  });

  it('never has more than the places, nor costs more than what was recorded', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 15 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('asha', 'hyperband', 'sync-halving'),
        (curves, parallel, kind) => {
          const search = searchOf(
            curves.map((curve, trial) => trialOf(trial, curve, trial % 3 === 1 ? { status: 'stopped' } : {})),
            parallel,
          );
          const { ended } = replayPromotion(search, schedulerOf(kind).scheduler);
          expect(ended.map(({ trial }) => trial).sort((a, b) => a - b)).toEqual(curves.map((_, trial) => trial));
          for (const { trial, cost, points } of ended) {
            expect(cost).toBeLessThanOrEqual(curves[trial]?.length ?? 0);
            expect(points).toBeLessThanOrEqual(curves[trial]?.length ?? 0);
          }
          const elapsed = Math.max(...ended.map(({ endedAt }) => endedAt));
          expect(elapsed * parallel).toBeGreaterThanOrEqual(ended.reduce((sum, { seconds }) => sum + seconds, 0) - 1e-6);
        },
      ),
    );
  });

  it.each([
    ['ahsa', 'expected asha, hyperband, sync-halving, or JSON'],
    ['{"kind":', '--scheduler: no JSON'],
    ['{"kind":"asha","resource":"epochs"}', 'expected points, found epochs'],
    ['{"kind":"asha","promote":false}', 'as --pruner asha does'],
  ])('refuses %s', (text, message) => {
    expect(() => schedulerOf(text)).toThrow(message);
  });
});

describe('another sampler on a recorded search', () => {
  const space = Space.parse({
    x: { type: 'float', low: 0, high: 1 },
    rate: { type: 'float', low: 0.001, high: 1, log: true },
    kind: { type: 'categorical', choices: ['a', [1, 2]] },
    only: { type: 'int', low: 0, high: 10, when: { parameter: 'kind', in: ['a'] } },
  });

  it('measures how far two sets of parameters are from each other', () => {
    const one = { x: 0.5, rate: 0.01, kind: [1, 2] };
    expect(distanceOf(space, one, { ...one })).toBe(0);
    expect(distanceOf(space, one, { ...one, rate: 0.1 })).toBeCloseTo(1 / 3 / 3);
    expect(distanceOf(space, one, { ...one, kind: 'a', only: 3 })).toBe(0.5);
  });

  it('runs the nearest trial that did not run yet, and tells its result', async () => {
    const asked: AskInput[] = [];
    const search = searchOf([trialOf(0, [1, 2]), trialOf(1, [3, 4]), trialOf(9, [5, 6])]);
    const sampler = surrogateSampler({
      study: 'replay',
      space: Space.parse({ x: { type: 'float', low: 0, high: 1 } }),
      sampler: Sampler.parse({ kind: 'random' }),
      objectives: [search.objective],
      trials: search.trials,
      count: 3,
      ask: (input) => {
        asked.push(input);
        return Promise.resolve({ suggestions: [{ x: 0.85 }], exhausted: false, sampler: 'random' });
      },
    });
    const ended = await replay(search, [], sampler.next);
    expect(ended.map(({ trial }) => trial)).toEqual([9, 1, 0]);
    expect([...sampler.distances].map(([trial, distance]) => [trial, Number(distance.toFixed(3))])).toEqual([
      [9, 0.05],
      [1, 0.75],
      [0, 0.85],
    ]);
    expect(asked[2]?.trials.map(({ trial, state, values, told }) => [trial, state, values, told])).toEqual([
      [0, 'complete', [6], 0],
      [1, 'complete', [4], 1],
    ]);
    expect(summarise(search, ended).best).toMatchObject({ trial: 9, trials: 1 });
  });
});

describe('what cannot be replayed', () => {
  it('is refused in a sentence', () => {
    expect(() => stoppingOf('ahsa')).toThrow('there is no rule "ahsa"; expected none, median, percentile, asha');
    expect(() => stoppingOf('percentile')).toThrow(/percentile: .*write the rule in full/);
    expect(() => stoppingOf('[{"kind":"median","startupTrials":-1}]')).toThrow(/\[0\]: startupTrials/);
    expect(() => stoppingOf('{"kind":')).toThrow('no JSON');
    const made = makeRun();
    const spec = made.document.steps.find(({ id }) => id === 'search')?.spec;
    if (spec?.kind !== 'search') throw new Error('no search');
    expect(() => recordedSearch('run/search', 'search', spec, { ...made, trials: [] })).toThrow('no trial of run/search has ended yet');
    expect(() => recordedSearch('run/search', 'search', spec, { ...made, progress: [] })).toThrow('its trainer wrote no validation points');
    const other = { ...spec, objective: { ...spec.objective, metric: 'accuracy' } };
    expect(() => recordedSearch('run/search', 'search', other, made)).toThrow(/no curve of accuracy .* its validation points have loss/);
    const search = recordedSearch('run/search', 'search', spec, made);
    expect(() => {
      checkMetrics(search, ['gradient_norm']);
    }).toThrow('a rule looks at gradient_norm, which no recorded point has; they have ');
  });
});

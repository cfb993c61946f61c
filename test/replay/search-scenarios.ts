/** One search for every path through `hyperparameterSearch` and `trial`. */
import { auditWorkflowId, homeOfStorage, searchWorkflowId, tensorboardWorkflowId } from '../../src/contract/ids.ts';
import type {
  AuditedPair,
  AuditInput,
  AuditPlan,
  FirstDifference,
  JudgeInput,
  Judgement,
  Repetition,
  RepetitionInput,
} from '../../src/contract/audit.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { AttemptReport } from '../../src/contract/attempts.ts';
import type { EarlierSearch, SearchInput } from '../../src/contract/search.ts';
import type { SearchState } from '../../src/contract/state.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { curveFeed } from '../workflow/curve-feed.ts';
import { documentOf } from '../workflow/documents.ts';
import { longhaulOf, until } from '../workflow/environment.ts';
import { losesMachine } from '../workflow/loses-machine.ts';
import { profileOf, specOf, SPOT_AND_ON_DEMAND, trialInputOf } from '../workflow/search-harness.ts';
import type { SearchHarness } from '../workflow/search-harness.ts';

/** Plays to the end; resolves to names of files and the workflows, with the run where it is not the last one, that go into them. */
export type SearchScenario = (harness: SearchHarness) => Promise<readonly Recorded[]>;
interface Recorded {
  readonly file: string;
  readonly workflowId: string;
  readonly runId?: string;
}

/** Continuing as new after hundreds of events instead of thousands keeps the histories small. */
export const SUGGEST_EARLY = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=200'] as const;

type Search = Awaited<ReturnType<SearchHarness['search']>>;
const priced = profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] });

export const recorded = (file: string, search: { workflowId: string }, ...trials: readonly number[]): Recorded[] => [
  { file, workflowId: search.workflowId },
  ...trials.map((trial) => ({ file: `${file}-trial-${trial}`, workflowId: `${search.workflowId}/trial-${trial}` })),
];
const update = (search: Search, name: string, payload: object): Promise<unknown> => search.executeUpdate(name, { args: [payload] });
const state = (search: Search): Promise<SearchState> => search.query<SearchState>('state');
const running = (search: Search, count: number): Promise<unknown> =>
  until(async () => (await state(search)).trials.filter(({ status }) => status === 'running').length >= count, `${count} trials`);
const inStatus = (search: Search, status: string): Promise<unknown> =>
  until(async () => (await state(search)).status === status, `the search to be ${status}`);

/** Trains until it is stopped, up to an attempt that ends by itself. */
function untilStopped(harness: SearchHarness, finishes = Number.POSITIVE_INFINITY): void {
  harness.world.attempt = async ({ attempt }): Promise<Partial<AttemptReport>> =>
    attempt >= finishes ? {} : { verdict: await harness.stopAsked(), lastProgress: 2 };
}

/** A point an epoch, each worth the trial's `x`; a fork goes on in the last of its epochs. */
function trainsEpochs(harness: SearchHarness): void {
  const feed = curveFeed();
  const trained = new Map<number, number>();
  harness.world.curves = feed.curves;
  harness.world.attempt = async ({ trial: { trial, parameters, spec, fork } }): Promise<Partial<AttemptReport>> => {
    const score = Number(parameters.x);
    for (let epoch = trained.get(trial) ?? (fork ? spec.epochs - 1 : 0); epoch < spec.epochs; epoch++) feed.add(trial, score);
    trained.set(trial, spec.epochs);
    return Promise.resolve({ lastProgress: feed.count(trial), objective: score, metrics: { score } });
  };
}

/** A point after the other, each worth the trial's `x`, until it is held. */
function trainsUntilHeld(harness: SearchHarness, points: number): void {
  const feed = curveFeed();
  harness.world.curves = feed.curves;
  harness.world.attempt = async ({ trial: { trial, parameters } }): Promise<Partial<AttemptReport>> => {
    const score = Number(parameters.x);
    feed.add(trial, score);
    // The first of each trial is held there; the others train on.
    if (feed.count(trial) === 1) return { verdict: await harness.stopAsked(), lastProgress: 1 };
    while (feed.count(trial) < points) feed.add(trial, score);
    return { lastProgress: points, objective: score, metrics: { score } };
  };
}

/** The first and the last run of a search that may have continued as new. */
async function wholly(harness: SearchHarness, file: string, search: Search): Promise<Recorded[]> {
  const { runId } = await harness.client.workflow.getHandle(search.workflowId).describe();
  const { workflowId, firstExecutionRunId } = search;
  if (runId === firstExecutionRunId) return [{ file, workflowId }];
  return [
    { file: `${file}-first`, workflowId, runId: firstExecutionRunId },
    { file: `${file}-last`, workflowId, runId },
  ];
}

/** Windows of an audit, the fifth of which comes out different: enough of them to continue as new. */
const AUDITED = Array.from({ length: 24 }, (_, trial): AuditedPair => ({
  ...{ step: 'search', trial, uri: `file:///out/trial-${trial}/audits/3`, checkpoint: '000000400-1' },
  ...{ from: 400, to: 408, samples: 80, pool: 'spot' },
}));
const FIRST: FirstDifference = { step: 406, after: 402, exact: false, tensors: ['model/w'] };
export const AUDITING = {
  drawAudit: async (): Promise<AuditPlan> => Promise.resolve({ pairs: AUDITED, trained: 96_000, left: 0, without: [] }),
  prepareRepetition: async ({ name, side, pair }: RepetitionInput): Promise<Repetition> => {
    const { profile: _profile, ...input } = trialInputOf(`${name}.${side}`, { trial: pair.trial, output: `${pair.uri}/${side}` });
    return Promise.resolve({ ...input, repeat: { pair: pair.uri, checkpoint: pair.checkpoint, dense: null } });
  },
  judgePair: async ({ pair, final }: JudgeInput): Promise<Judgement> => {
    const isEqual = pair.trial !== 4;
    const verdict = isEqual ? 'equal' : 'machine';
    const first = isEqual ? null : FIRST;
    const { step, trial, from, to, samples, pool } = pair;
    const result = { step, trial, from, to, samples, pool, repeatedPool: 'on-demand', verdict, first, why: '', uri: '' } as const;
    return Promise.resolve({ first, result: isEqual || final ? result : null });
  },
  closeAudit: async (): Promise<{ uri: string }> => Promise.resolve({ uri: '' }),
};

const LONGER = { run: 'run-1', step: 'search', longer: true };

/** A search that goes on with one that has ended. */
async function extended(harness: SearchHarness, name: string, ended: SearchSpec, spec: SearchSpec): Promise<Recorded[]> {
  const first = await harness.search(ended);
  await first.result();
  const { carried, output } = await harness.client.workflow.getHandle(first.workflowId).query<EarlierSearch>('memory');
  if (carried === null || output === undefined) throw new Error('the ended search says nothing');
  const input: SearchInput = {
    ...{ run: 'longer', pipeline: 'p', step: 'search', commit: null, profile: profileOf(), takenFrom: output, carried },
    spec,
  };
  const workflowId = searchWorkflowId(input.run, input.step);
  const { workflow } = harness.client;
  const search = await workflow.start(WORKFLOWS.hyperparameterSearch, { taskQueue: TASK_QUEUES.control, workflowId, args: [input] });
  await search.result();
  return recorded(name, search);
}

export const SEARCH_SCENARIOS: Readonly<Record<string, SearchScenario>> = {
  'search-finished': async (harness) => {
    const search = await harness.search(specOf());
    await search.result();
    return recorded('search-finished', search, 0);
  },

  tensorboard: async (harness) => {
    const profile = profileOf({ tensorboard: { enabled: true, keepSeconds: 1 } });
    const search = await harness.search(specOf(), profile);
    await search.result();
    const workflowId = tensorboardWorkflowId('p', homeOfStorage(profile.storage));
    await harness.client.workflow.getHandle(workflowId).result();
    return [
      { file: 'search-with-tensorboard', workflowId: search.workflowId },
      { file: 'tensorboard', workflowId },
    ];
  },

  'search-population': async (harness) => {
    trainsEpochs(harness);
    const scheduler = { kind: 'pbt', population: 4, interval: 1 };
    const search = await harness.search(specOf({ trials: 9, parallel: 4, epochs: 3, scheduler }));
    await search.result();
    return [...(await wholly(harness, 'search-population', search)), ...recorded('search-population', search, 0, 4).slice(1)];
  },

  'search-rungs': async (harness) => {
    trainsUntilHeld(harness, 4);
    // The last one to come is the poorest: the best would go on from its rung without being held.
    harness.world.ask = ({ trials, count }) =>
      Promise.resolve({
        suggestions: Array.from({ length: count }, (_, i) => ({ x: 0.9 - (trials.length + i) / 10 })),
        exhausted: false,
        sampler: 'fake',
      });
    const scheduler = { kind: 'sync-halving', min: 1, factor: 2, max: 4 };
    const search = await harness.search(specOf({ trials: 5, parallel: 2, scheduler }));
    await search.result();
    return wholly(harness, 'search-rungs', search);
  },

  'search-preemption-is-a-rung': async (harness) => {
    const search = harness.search(specOf({ trials: 3, parallel: 2, scheduler: { kind: 'asha', min: 4, factor: 2, max: 4 } }));
    losesMachine(harness, async (trial, points) => (await state(await search)).trials[trial]?.points === points);
    await (await search).result();
    return recorded('search-preemption-is-a-rung', await search, 0);
  },

  'search-promise': async (harness) => {
    const by = new Date(Date.now() + 3_600_000).toISOString();
    const search = await harness.search(specOf({ trials: 6, promise: { by, samples: [[1500, 0]] } }));
    await search.result();
    return recorded('search-promise', search);
  },

  'search-replicates': async (harness) => {
    harness.world.attempt = async ({ trial: { spec, parameters } }): Promise<Partial<AttemptReport>> => {
      const score = Number(parameters.x) + spec.seed / 1000;
      return Promise.resolve({ objective: score, metrics: { score, latency_ms: 100 * Number(parameters.x) } });
    };
    const constrained = { metricConstraints: [{ metric: 'latency_ms', max: 15 }] };
    const search = await harness.search(specOf({ trials: 3, replicates: { seeds: 2, of: 2 }, ...constrained }));
    await search.result();
    return wholly(harness, 'search-replicates', search);
  },

  'search-promise-with-replicates': async (harness) => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    harness.world.attempt = async ({ trial: { trial, spec } }): Promise<Partial<AttemptReport>> => {
      if (trial === 3) return { verdict: await harness.stopAsked(), lastProgress: 0 };
      if (trial < 2) feed.add(trial, 0.1 * trial);
      const score = spec.seed / 10 + trial / 100;
      return { objective: score, metrics: { score }, lastProgress: feed.count(trial) };
    };
    const used: [number, number][] = [[3600, 1]];
    const promise = { cost: 100, samples: used, finished: used };
    const scheduler = { kind: 'asha', min: 1, factor: 2, max: 4 };
    const search = await harness.search(specOf({ trials: 2, scheduler, promise, replicates: { seeds: 2, of: 1 } }), priced);
    await until(async () => (await state(search)).trials[3]?.status === 'running', 'the second replicate');
    await update(search, 'stop-trial', { trial: 3 });
    await search.result();
    return wholly(harness, 'search-promise-with-replicates', search);
  },

  'search-constraints-at-rungs': async (harness) => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    harness.world.attempt = async ({ trial: { trial } }): Promise<Partial<AttemptReport>> => {
      const metrics = { score: 1 - trial / 10, latency_ms: trial % 2 === 0 ? 30 : 10 };
      const held = feed.count(trial) === 0 ? harness.stopAsked() : null;
      feed.add(trial, metrics);
      if (held !== null) return { verdict: await held, lastProgress: 1 };
      return { objective: metrics.score, metrics, lastProgress: feed.count(trial) };
    };
    const constrained = { metricConstraints: [{ metric: 'latency_ms', max: 20 }] };
    const scheduler = { kind: 'sync-halving', min: 1, factor: 2, max: 2 };
    const search = await harness.search(specOf({ trials: 4, scheduler, ...constrained }));
    await search.result();
    return wholly(harness, 'search-constraints-at-rungs', search);
  },

  'search-extended': (harness) =>
    extended(harness, 'search-extended', specOf({ trials: 2, parallel: 1 }), specOf({ trials: 3, epochs: 2, takesOver: LONGER })),

  'search-extended-within-a-budget': (harness) => {
    const budget = { trials: 2 };
    const first = specOf({ trials: 2, parallel: 1, budget });
    return extended(harness, 'search-extended-within-a-budget', first, specOf({ trials: 3, epochs: 2, budget, takesOver: LONGER }));
  },

  'search-stopped-early': async (harness) => {
    harness.world.attempt = async ({ trial }) =>
      trial.trial < 2 ? { lastProgress: 1 } : { verdict: await harness.stopAsked(), lastProgress: 1 };
    harness.world.curves = async ({ trials }) => {
      const open = trials.filter(({ n }) => n === 0);
      if (open.length === 0) await new Promise((resolve) => setTimeout(resolve, 300));
      return {
        points: open.map(({ trial }) => [trial, 1, 100, [trial < 2 ? 1 : 0, null, null]] as const),
        seen: open.map(({ trial }) => [trial, 1] as const),
      };
    };
    const search = await harness.search(specOf({ stopping: [{ kind: 'median', startupTrials: 2 }] }));
    await search.result();
    return recorded('search-stopped-early', search, 2);
  },

  'search-paused': async (harness) => {
    untilStopped(harness, 2);
    const search = await harness.search(specOf({ trials: 2 }));
    await running(search, 2);
    await update(search, 'pause', { by: 'ada', why: 'upgrade' });
    await until(async () => (await state(search)).trials.every(({ status }) => status === 'paused'), 'both trials to pause');
    await update(search, 'resume', { by: 'ada' });
    await search.result();
    return recorded('search-paused', search, 0);
  },

  'search-preempted': async (harness) => {
    harness.world.attempt = async ({ attempt, lastProgress }) =>
      Promise.resolve({ verdict: attempt < 4 ? 'preempted' : 'succeeded', lastProgress: lastProgress + 5 });
    const search = await harness.search(specOf({ trials: 2 }), profileOf(SPOT_AND_ON_DEMAND));
    await search.result();
    return recorded('search-preempted', search, 0);
  },

  'search-moves-back-to-spot': async (harness) => {
    harness.world.attempt = async ({ attempt, lastProgress }) => {
      if (attempt === 1) return { verdict: 'no-capacity', startedAt: null };
      return attempt === 2 ? { verdict: await harness.stopAsked(), lastProgress: lastProgress + 5 } : {};
    };
    harness.world.capacity = () => until(async () => Promise.resolve(harness.running() > 0), 'an attempt on demand');
    const search = await harness.search(specOf({ trials: 1 }), profileOf({ ...SPOT_AND_ON_DEMAND, placement: { retrySpotSeconds: 1 } }));
    await search.result();
    return recorded('search-moves-back-to-spot', search, 0);
  },

  'search-steered': async (harness) => {
    untilStopped(harness, 2);
    const search = await harness.search(specOf({ trials: 2 }));
    await running(search, 2);
    await update(search, 'add-trial', { parameters: { x: 0.9 } });
    await update(search, 'prioritise', { trial: 2, priority: 3 });
    await update(search, 'fork-trial', { trial: 1, parameters: { x: 0.4 } });
    await update(search, 'keep-trial', { trial: 1 });
    await update(search, 'stop-trial', { trial: 0, why: 'poor' });
    await running(search, 2);
    await update(search, 'set-parallelism', { parallel: 4 });
    await update(search, 'set-space', { space: { x: { type: 'float', low: 0, high: 2 } } });
    await update(search, 'set-stopping', { stopping: [{ kind: 'patience', steps: 3 }] });
    await running(search, 3);
    await update(search, 'pause', {});
    await until(async () => harness.running() === 0, 'no attempt');
    await update(search, 'resume', {});
    await search.result();
    return recorded('search-steered', search, 0, 3);
  },

  'search-budget': async (harness) => {
    untilStopped(harness, 2);
    const search = await harness.search(specOf({ trials: 2, budget: { cost: 1e-9 } }), priced);
    await inStatus(search, 'waiting');
    await until(async () => harness.running() === 0, 'no attempt');
    await update(search, 'set-budget', { cost: 1000 });
    await search.result();
    return recorded('search-budget', search);
  },

  'search-cancelled': async (harness) => {
    untilStopped(harness);
    const search = await harness.search(specOf({ trials: 2 }));
    await running(search, 2);
    await search.cancel();
    await search.result().catch(() => undefined);
    return recorded('search-cancelled', search, 1);
  },

  'trial-cancelled': async (harness) => {
    untilStopped(harness);
    const trial = await harness.trial();
    await until(() => Promise.resolve(harness.running() === 1), 'its attempt');
    await trial.cancel();
    await trial.result();
    return [{ file: 'trial-cancelled', workflowId: trial.workflowId }];
  },

  'trial-cancelled-between-attempts': async (harness) => {
    const looking = Promise.withResolvers<undefined>();
    let asked = 0;
    harness.world.attempt = () => Promise.resolve({ verdict: 'no-capacity', startedAt: null });
    harness.world.capacity = async ({ pool }) => {
      if (pool.name === 'b') return until(() => Promise.resolve(harness.looking() === 2), 'both looks');
      await harness.stopAsked();
      asked += 1;
      return looking.promise;
    };
    const pools = ['a', 'b'].map((name) => ({ name, spot: true, pricePerHour: 0.3, onDemandPricePerHour: 1 }));
    const trial = await harness.trial({
      profile: profileOf({ pools: [...pools, { name: 'on-demand', spot: false, pricePerHour: 1 }] }),
      deadlineAt: Date.now() + 5 * 86_400_000,
      factor: 1000,
    });
    await until(() => Promise.resolve(asked === 1), 'a look to be asked to end');
    await trial.cancel();
    looking.resolve(undefined);
    await trial.result();
    return [{ file: 'trial-cancelled-between-attempts', workflowId: trial.workflowId }];
  },

  'search-shares-a-pool': async (harness) => {
    const search = await harness.search(
      specOf({ trials: 3, parallel: 3 }),
      profileOf({ pools: [{ name: 'narrow', spot: false, maxAttempts: 1 }] }),
    );
    await search.result();
    return [...recorded('search-shares-a-pool', search, 2), { file: 'pool-gate', workflowId: 'longhaul-pool-narrow' }];
  },

  'search-continued': async (harness) => {
    const search = await harness.search(specOf({ trials: 24, parallel: 4 }));
    await search.result();
    const { runId } = await harness.client.workflow.getHandle(search.workflowId).describe();
    if (runId === search.firstExecutionRunId) throw new Error('the search did not continue as new: play more trials');
    return [
      { file: 'search-continued-first', workflowId: search.workflowId, runId: search.firstExecutionRunId },
      { file: 'search-continued-last', workflowId: search.workflowId, runId },
    ];
  },

  /** `longhaul retry`: of a search one trial failed and two were cancelled; its run goes on, and trains what is missing. */
  'search-retried': async (harness) => {
    harness.world.attempt = async ({ trial }): Promise<Partial<AttemptReport>> =>
      trial.trial === 1
        ? { verdict: 'bad-input', cause: 'the label is missing', samples: 500, lastProgress: 7 }
        : { verdict: await harness.stopAsked(), lastProgress: 3, samples: 40 };
    const spec = specOf({ trials: 3, parallel: 3, maxFailedTrials: 0, output: 'file:///out/{key}' });
    const run = await harness.start({ ...documentOf([{ id: 'search', spec }]), profile: profileOf() }, 'search-retried');
    await run.result().catch(() => undefined);
    harness.world.attempt = () => Promise.resolve({});
    const again = await longhaulOf(harness.environment).retry('search-retried');
    await again.result();
    return [
      { file: 'pipeline-of-a-search-retried', workflowId: again.id },
      ...recorded('search-retried', { workflowId: searchWorkflowId(again.id, 'search') }, 1),
    ];
  },

  'audit-of-a-run': async ({ client }) => {
    const input: AuditInput = { run: 'audited', pipeline: 'p', profile: profileOf(SPOT_AND_ON_DEMAND), share: 0.02 };
    const workflowId = auditWorkflowId(input.run);
    const audit = await client.workflow.start(WORKFLOWS.audit, { taskQueue: TASK_QUEUES.control, workflowId, args: [input] });
    await audit.result();
    const { runId } = await client.workflow.getHandle(workflowId).describe();
    if (runId === audit.firstExecutionRunId) throw new Error('the audit did not continue as new: give it more windows');
    return [
      { file: 'audit-of-a-run-first', workflowId, runId: audit.firstExecutionRunId },
      { file: 'audit-of-a-run-last', workflowId, runId },
    ];
  },
};

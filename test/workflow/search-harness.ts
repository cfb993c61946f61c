/** Searches and trials on a server of the test's own, with trainers that are a few lines each. */
import { activityInfo, ApplicationFailure, Context } from '@temporalio/activity';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { ApplicationFailureCategory } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { trialWorkflowId, searchWorkflowId } from '../../src/contract/ids.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { Profile } from '../../src/contract/profile.ts';
import type {
  AdoptInput,
  EarlierTrial,
  PinInput,
  PinnedCheckpoint,
  PoolRates,
  TrialInput,
  TrialSummary,
} from '../../src/contract/trial-run.ts';
import type { AskInput, AskResult } from '../../src/contract/sampler.ts';
import type { AttemptInput, AttemptReport, CapacityInput, CurveInput, CurvePoints } from '../../src/contract/attempts.ts';
import type { EarlierSearch, SearchInput, SearchResult, WarmTrial } from '../../src/contract/search.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import { createSearchActivities, type SlotInput } from '../../activities/search.ts';
import type { PlanScoresInput, ScoringJob } from '../../activities/scoring.ts';
import type { StepJobEnd, StepJobInput } from '../../activities/step-job-contract.ts';
import type { EvaluateExportInput } from '../../activities/early-evaluation-contract.ts';
import type { NotifyInput } from '../../activities/notifications.ts';
import type { hyperparameterSearch, trial } from '../../workflows/index.ts';
import type { Policy } from '../../src/contract/policy.ts';
import { queueOf, type Team } from '../../src/contract/teams.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import { namespaceOf, startHarness, untilWorkflowHeard } from './environment.ts';
import type { Harness, HarnessPlace } from './environment.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';

export const profileOf = (more: object = {}): Profile =>
  Profile.parse({
    warehouse: { kind: 'duckdb', path: '/w' },
    storage: { kind: 'directory', path: '/s' },
    compute: { kind: 'process', path: '/c' },
    ...more,
  });

export const SPOT_AND_ON_DEMAND = {
  pools: [
    { name: 'spot', spot: true, pricePerHour: 1, onDemandPricePerHour: 3 },
    { name: 'on-demand', spot: false, pricePerHour: 3 },
  ],
};

export const specOf = (more: object = {}): SearchSpec =>
  SearchSpec.parse({
    kind: 'search',
    data: { train: 'file:///d/train', validation: 'file:///d/validation' },
    features: 'file:///d/features.json',
    objective: { metric: 'score', goal: 'maximize' },
    space: { x: { type: 'float', low: 0, high: 1 } },
    trials: 4,
    parallel: 2,
    output: 'file:///out',
    ...more,
  });

/** Of a trial without a search. */
export const trialInputOf = (run: string, more: Partial<TrialInput> = {}): TrialInput => ({
  run,
  pipeline: 'p',
  step: 'search',
  commit: null,
  trial: 0,
  parameters: { x: 0.5 },
  profile: profileOf(),
  spec: specOf(),
  output: 'file:///out/trial-0',
  search: null,
  priority: 0,
  deadlineAt: null,
  fork: null,
  resumed: null,
  ...more,
});

/** The world around a search. Each part can be replaced by a test. */
export interface World {
  ask: (input: AskInput) => Promise<AskResult>;
  /** One attempt of one trial; `calls` counts Temporal's own retries of it. */
  attempt: (input: AttemptInput, retries: number) => Promise<Partial<AttemptReport>>;
  /** What comes of an attempt that is ended without a worker that watched it. */
  end: (input: AttemptInput) => Promise<Partial<AttemptReport> | null>;
  /** Resolves when the pool has a machine. */
  capacity: (input: CapacityInput) => Promise<unknown>;
  curves: (input: CurveInput) => Promise<Partial<CurvePoints>>;
  evaluate: (input: EvaluateExportInput) => Promise<Record<string, number | null>>;
  /** Exports that are scored by Jobs, and what becomes of such a Job. */
  plan: (input: PlanScoresInput) => readonly ScoringJob[];
  score: (input: StepJobInput) => Promise<Partial<StepJobEnd>>;
  readonly asked: AskInput[];
  readonly attempts: AttemptInput[];
  /** Looks for capacity that were ended without a worker that watched them. */
  readonly forgotten: CapacityInput[];
  /** Attempts whose Job was asked to end beside the activity that watches it. */
  readonly askedToEnd: AttemptInput[];
  readonly rows: LedgerRow<'trials'>[];
  /** The same, as they came. */
  readonly batches: { readonly key: string; readonly rows: readonly LedgerRow<'trials'>[] }[];
  readonly notices: NotifyInput[];
  readonly evaluated: EvaluateExportInput[];
  warm: WarmTrial[];
  /** What the ledger says of pools, or why it says nothing. */
  rates: PoolRates | Error;
  /** Outputs whose checkpoints were pinned, and the points that they had. */
  readonly pinned: string[];
  readonly adopted: AdoptInput[];
  /** Whether checkpoints of trials that are taken over are still there. */
  keeps: boolean;
  pointsOfPins: number;
}

export interface SearchHarness extends Harness {
  readonly world: World;
  readonly ports: MemoryPorts;
  reset(): void;
  /** In an attempt or a look for capacity: heartbeats until the workflow asks it to stop. */
  stopAsked(): Promise<'stopped'>;
  /** Attempts that run now. */
  running(): number;
  /** Trials that look for a machine of another pool now. */
  looking(): number;
  /** For workers of other queues. */
  readonly activities: object;
  search(
    spec: SearchSpec,
    profile?: Profile,
    more?: Partial<SearchInput>,
  ): Promise<WorkflowHandleWithFirstExecutionRunId<typeof hyperparameterSearch> & { result(): Promise<SearchResult> }>;
  trial(more?: Partial<TrialInput>): Promise<WorkflowHandleWithFirstExecutionRunId<typeof trial> & { result(): Promise<TrialSummary> }>;
}

const HOUR_MS = 3_600_000;

/** Fills in what a test does not care about: an attempt of one hour. */
function reportOf(input: AttemptInput, part: Partial<AttemptReport>): AttemptReport {
  const verdict = part.verdict ?? 'succeeded';
  const endedAt = part.endedAt ?? Date.now();
  const seconds = (endedAt - (part.startedAt ?? endedAt - HOUR_MS)) / 1000;
  const cost = (seconds / 3600) * input.pool.pricePerHour;
  return {
    verdict,
    cause: verdict,
    exitCode: 0,
    pool: input.pool.name,
    node: null,
    startedAt: endedAt - HOUR_MS,
    endedAt,
    cost,
    onDemandCost: (seconds / 3600) * (input.pool.onDemandPricePerHour ?? input.pool.pricePerHour),
    lostSamples: 0,
    lostCost: 0,
    logTail: '',
    result: null,
    lastProgress: input.lastProgress,
    samples: input.samples + 100,
    done: null,
    metrics: verdict === 'succeeded' ? { score: scoreOf(input) } : {},
    objective: verdict === 'succeeded' ? scoreOf(input) : null,
    bestExport: verdict === 'succeeded' || verdict === 'stopped' ? `${input.trial.output}/exports/1` : null,
    weightsSha256: verdict === 'succeeded' ? `sha-${input.trial.trial}` : null,
    ...part,
  };
}

const scoreOf = (input: AttemptInput): number => Number(input.trial.parameters.x ?? 0);

/** Says "ask me again later": the server skips the time, and histories stay short. */
export function later(seconds: number): ApplicationFailure {
  return ApplicationFailure.create({
    message: 'not yet',
    nextRetryDelay: `${seconds} seconds`,
    category: ApplicationFailureCategory.BENIGN,
  });
}

const noPoints = async (): Promise<Partial<CurvePoints>> => {
  if (activityInfo().attempt === 1) throw later(600);
  return Promise.resolve({});
};

/**
 * @param more activities besides those that the world answers
 * @param sampling by the world, or by a sampler of the caller's own on the same queue
 */
export async function startSearchHarness(
  time: 'skipping' | 'real' = 'skipping',
  serverArguments: string[] = [],
  more: object = {},
  sampling: 'world' | 'own' = 'world',
  { policy = null, ...place }: HarnessPlace & { readonly policy?: Policy | null } = {},
): Promise<SearchHarness> {
  const control = queueOf(place.team ?? null, TASK_QUEUES.control);
  const defaults = (): Pick<
    World,
    'ask' | 'attempt' | 'capacity' | 'end' | 'curves' | 'evaluate' | 'plan' | 'score' | 'warm' | 'rates'
  > => ({
    ask: async ({ trials, count }) =>
      Promise.resolve({
        suggestions: Array.from({ length: count }, (_, i) => ({ x: ((trials.length + i) % 10) / 10 })),
        exhausted: false,
        sampler: 'fake',
      }),
    attempt: async () => Promise.resolve({}),
    end: async () => Promise.resolve(null),
    capacity: async () => Promise.resolve(),
    curves: noPoints,
    evaluate: async () => Promise.resolve({}),
    plan: () => [],
    score: async () => Promise.resolve({}),
    warm: [],
    rates: { at: 0, pools: {} },
  });
  const world: World = {
    ...defaults(),
    asked: [],
    attempts: [],
    forgotten: [],
    askedToEnd: [],
    rows: [],
    batches: [],
    notices: [],
    evaluated: [],
    pinned: [],
    adopted: [],
    keeps: true,
    pointsOfPins: 0,
  };
  let [running, looking] = [0, 0];
  const workflowHeard = async (): Promise<void> => {
    const { workflowExecution } = activityInfo();
    if (time === 'skipping' && workflowExecution) await untilWorkflowHeard(harness.client, workflowExecution);
  };
  const ports = createMemoryPorts();
  const real = createSearchActivities(ports, { policy });
  const fakes = {
    forgetCapacity: async (input: CapacityInput): Promise<void> => {
      world.forgotten.push(input);
      return Promise.resolve();
    },
    askAttemptToEnd: async (input: AttemptInput): Promise<void> => {
      world.askedToEnd.push(input);
      return Promise.resolve();
    },
    poolRates: (): Promise<PoolRates> => (world.rates instanceof Error ? Promise.reject(world.rates) : Promise.resolve(world.rates)),
    requestSlot: (input: SlotInput): Promise<{ readonly limit: number }> => real.requestSlot(input),
    requestQuota: (input: SlotInput): Promise<{ readonly limit: number | null }> => real.requestQuota(input),
    runAttempt: async (input: AttemptInput): Promise<AttemptReport> => {
      const { attempt } = activityInfo();
      if (attempt === 1) world.attempts.push(input);
      running += 1;
      try {
        return reportOf(input, await world.attempt(input, attempt - 1));
      } finally {
        running -= 1;
        await workflowHeard();
      }
    },
    loseAttempt: async ({ input, cause }: { readonly input: AttemptInput; readonly cause: string }): Promise<AttemptReport> =>
      Promise.resolve(reportOf(input, { verdict: 'preempted', cause })),
    clusterAnswers: async (): Promise<void> => Promise.resolve(),
    endAttempt: async (input: AttemptInput): Promise<AttemptReport | null> => {
      const part = await world.end(input);
      return part && reportOf(input, part);
    },
    awaitCapacity: async (input: CapacityInput): Promise<void> => {
      looking += 1;
      try {
        await world.capacity(input);
      } finally {
        looking -= 1;
        await workflowHeard();
      }
    },
    awaitCurvePoints: async (input: CurveInput): Promise<CurvePoints> => ({
      points: [],
      exports: [],
      seen: [],
      ended: [],
      ...(await world.curves(input)),
    }),
    pinCheckpoint: ({ parent, pins, checkpoint }: PinInput): Promise<PinnedCheckpoint> => {
      world.pinned.push(parent);
      const name = checkpoint ?? '3';
      return Promise.resolve({ output: `${pins}-${name}`, checkpoint: name, points: world.pointsOfPins });
    },
    reopenTrial: async (): Promise<void> => Promise.resolve(),
    adoptTrial: async (input: AdoptInput): Promise<boolean> => {
      world.adopted.push(input);
      return Promise.resolve(world.keeps);
    },
    recordTrials: async ({ rows, key }: { rows: LedgerRow<'trials'>[]; key: string }): Promise<void> => {
      world.rows.push(...rows);
      world.batches.push({ key, rows });
      return Promise.resolve();
    },
    earlierSearch: (input: { readonly workflowId: string }): Promise<EarlierSearch> => real.earlierSearch(input),
    earlierTrial: (input: { readonly workflowId: string }): Promise<EarlierTrial | null> => real.earlierTrial(input),
    closedWorkflows: (input: Parameters<typeof real.closedWorkflows>[0]): Promise<string[]> => real.closedWorkflows(input),
    readWarmStart: async (): Promise<WarmTrial[]> => Promise.resolve(world.warm),
    notify: async (input: NotifyInput): Promise<void> => {
      world.notices.push(input);
      return Promise.resolve();
    },
    planScores: (input: PlanScoresInput): Promise<readonly ScoringJob[]> => Promise.resolve(world.plan(input)),
    runStepJob: async (input: StepJobInput): Promise<StepJobEnd> => ({
      ...{ verdict: 'succeeded', cause: 'finished', job: 'j', image: null, outputs: {}, cost: 0, logTail: '' },
      ...(await world.score(input)),
    }),
    evaluateExport: async (input: EvaluateExportInput): Promise<{ metrics: Record<string, number | null> }> => {
      world.evaluated.push(input);
      return { metrics: await world.evaluate(input) };
    },
  };
  // What the search of a run reads must be there.
  for (const name of ['train/part-0.parquet', 'validation/part-0.parquet', 'features.json'])
    ports.objects.set(`file:///d/${name}`, { data: new Uint8Array(), generation: '1' });
  const activities = { ...fakes, ...more };
  const harness = await startHarness(ports, time, activities, serverArguments, workflowBundle, place);
  const sampler = sampling === 'own' ? null : await startSampler(harness, world, place.team ?? null);
  let count = 0;
  const inputOf = (): { run: string; pipeline: string; step: string; commit: null } => ({
    // Of a team: others have runs beside it in the same namespace.
    run: `${place.team ?? 'run'}-${++count}`,
    pipeline: 'p',
    step: 'search',
    commit: null,
  });
  const { workflow } = harness.client;
  return {
    ...harness,
    world,
    ports,
    running: () => running,
    looking: () => looking,
    activities,
    stopAsked: async () => {
      const beating = setInterval(() => {
        Context.current().heartbeat();
      }, 50);
      await Context.current().cancelled.catch(() => undefined);
      clearInterval(beating);
      return 'stopped';
    },
    reset: () => {
      Object.assign(world, defaults());
      for (const list of [
        world.asked,
        world.attempts,
        world.forgotten,
        world.askedToEnd,
        world.rows,
        world.batches,
        world.notices,
        world.evaluated,
      ])
        list.length = 0;
    },
    search: (spec, profile = profileOf(), more = {}) => {
      const input: SearchInput = { ...inputOf(), profile, spec, ...more };
      return workflow.start<typeof hyperparameterSearch>(WORKFLOWS.hyperparameterSearch, {
        taskQueue: control,
        workflowId: searchWorkflowId(input.run, input.step),
        args: [input],
      });
    },
    trial: (more = {}) => {
      const input = trialInputOf(`${place.team ?? 'run'}-${++count}`, more);
      return workflow.start<typeof trial>(WORKFLOWS.trial, {
        taskQueue: control,
        workflowId: trialWorkflowId(input.run, input.step, input.trial),
        args: [input],
      });
    },
    stop: async () => {
      await sampler?.stop();
      await harness.stop();
    },
  };
}

async function startSampler({ environment }: Harness, world: World, team: Team): Promise<{ stop: () => Promise<void> }> {
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    namespace: namespaceOf(environment),
    taskQueue: queueOf(team, TASK_QUEUES.sampler),
    activities: {
      ask: async (input: AskInput): Promise<AskResult> => {
        world.asked.push(input);
        return world.ask(input);
      },
    },
  });
  const running = worker.run();
  return {
    stop: async () => {
      worker.shutdown();
      await running;
    },
  };
}

/** A whole run, made up but plausible: what the report and the console show. The same seed gives the same run. */
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunGraph, RunState, SearchState, StepState } from '../../src/contract/state.ts';
import { random, type Random } from './random.ts';
import { graphOf, newStepState } from '../../workflows/pipeline/view.ts';
import { groceryDocument } from './run-document.ts';
import { iso, makeSearch, type MadeSearch } from './run-trials.ts';

interface RunDataOptions {
  readonly seed?: number;
  readonly trials?: number;
  readonly parallel?: number;
  readonly pointsPerTrial?: number;
  /** Steps besides the dozen of the example. */
  readonly moreSteps?: number;
  /** How far the run got: to the middle of its search, to its end, or to a failed evaluation. */
  readonly stage?: 'running' | 'succeeded' | 'failed';
  readonly run?: string;
}

export interface MadeRun {
  readonly run: RunState;
  readonly graph: RunGraph;
  readonly document: RunDocument;
  readonly searches: Record<string, SearchState>;
  readonly trials: LedgerRow<'trials'>[];
  readonly attempts: LedgerRow<'attempts'>[];
  readonly progress: LedgerRow<'progress'>[];
  readonly evaluations: LedgerRow<'evaluations'>[];
  /** ms since 1970: the moment that is shown. */
  readonly now: number;
}

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 20, 8, 0, 0);

export function makeRun(options: RunDataOptions = {}): MadeRun {
  const { seed = 1, trials = 24, parallel = 4, pointsPerTrial = 16, moreSteps = 0, stage = 'succeeded' } = options;
  const generator = random(seed);
  const pipeline = 'grocery-ranking';
  const run = options.run ?? 'grocery-ranking-20261120-080000-k3f9';
  const document = groceryDocument({ pipeline, trials, parallel, moreSteps });
  const searchStart = START + (18 + moreSteps / 4) * MINUTE;
  const until = stage === 'running' ? searchStart + (trials / parallel) * 22 * MINUTE : Number.POSITIVE_INFINITY;
  const made = makeSearch({ pipeline, run, step: 'search', trials, parallel, pointsPerTrial, startedAt: searchStart, until }, generator);
  const search = searchState(run, document, made, trials, parallel, stage);
  const steps = stepStates(document, made, search, searchStart, stage, generator, run);
  const now = stage === 'running' ? until : Math.max(...steps.map((step) => step.endedAt ?? 0));
  const failed = steps.find((step) => step.status === 'failed');
  const state: RunState = {
    run,
    pipeline,
    documentHash: document.hash,
    profile: document.profileName,
    status: stage,
    startedAt: START,
    endedAt: stage === 'running' ? null : now,
    cost: steps.reduce((sum, step) => sum + step.cost, 0),
    reason: failed ? `step evaluate failed: ${failed.reason ?? ''}` : null,
    steps,
    approvals: [],
  };
  const best = search.bestTrial ?? 0;
  return {
    run: state,
    graph: graphOf(document),
    document,
    searches: { search },
    trials: made.trials,
    attempts: made.attempts,
    progress: made.progress,
    evaluations: [
      ...earlyEvaluations(made, pipeline, run, generator),
      ...(stage === 'succeeded' ? finalEvaluations(pipeline, run, best, now, generator) : []),
    ],
    now,
  };
}

function searchState(run: string, document: RunDocument, made: MadeSearch, planned: number, parallel: number, stage: string): SearchState {
  const ended = made.states.filter((trial) => trial.status === 'succeeded' && trial.objective !== null);
  const best = [...ended].sort((a, b) => (b.objective ?? 0) - (a.objective ?? 0))[0];
  const spec = document.steps.find((step) => step.id === 'search')?.spec;
  if (spec?.kind !== 'search') throw new Error('the document has no search');
  return {
    run,
    step: 'search',
    objective: spec.objective,
    status: stage === 'running' ? 'running' : 'succeeded',
    reason: null,
    parallel,
    plannedTrials: planned,
    bestTrial: best?.trial ?? null,
    bestObjective: best?.objective ?? null,
    cost: made.states.reduce((sum, trial) => sum + trial.cost, 0),
    trials: made.states,
    settings: { budget: spec.budget, space: spec.space, stopping: spec.stopping },
    tensorboard: 'http://127.0.0.1:6006/',
    decisions: made.states
      .filter((trial) => trial.status === 'stopped')
      .map((trial) => ({ at: trial.endedAt ?? 0, trial: trial.trial, text: trial.reason ?? '' })),
  };
}

const EVALUATION_FAILURE = 'the SavedModel has 471 MB, BigQuery ML imports at most 450 MB';

function stepStates(
  document: RunDocument,
  made: MadeSearch,
  search: SearchState,
  searchStart: number,
  stage: 'running' | 'succeeded' | 'failed',
  generator: Random,
  run: string,
): StepState[] {
  const ends = new Map<string, number>();
  const all = [...document.steps, ...document.onExit];
  return all.map((step): StepState => {
    const base = newStepState(step);
    const afterSearch = step.id === 'evaluate' || step.id === 'release' || step.id === 'clean-up';
    if (afterSearch && stage === 'running') return base;
    const startedAt =
      step.id === 'clean-up'
        ? Math.max(...ends.values())
        : Math.max(step.id === 'search' ? searchStart : START, ...step.dependsOn.map((id) => ends.get(id) ?? 0));
    const done = (endedAt: number, more: Partial<StepState>): StepState => {
      ends.set(step.id, endedAt);
      return { ...base, status: 'succeeded', startedAt, endedAt, cacheKey: '3f2a91c04b7d', ...more };
    };
    switch (step.spec.kind) {
      case 'query':
        if (step.id === 'candidates')
          return done(startedAt + 900, {
            status: 'cached',
            cacheHit: true,
            outputs: { table: 'grocery.candidates', rows: 18_604_212, bytes: 2_100_000_000, version: '1764057600000' },
          });
        return done(startedAt + generator.between(1, 5) * MINUTE, {
          cost: generator.between(0.01, 0.2),
          outputs: {
            table: `grocery.${step.id.replaceAll('.', '_')}`,
            rows: generator.integer(1e6, 13e6),
            bytes: 1_210_000_000,
            version: '1764061200000',
          },
        });
      case 'export':
        return done(startedAt + generator.between(1, 3) * MINUTE, {
          outputs: {
            uri: `file:///data/grocery-ranking/${step.id}/3f2a91c04b7d`,
            parts: 200,
            rows: generator.integer(1e6, 13e6),
            bytes: 900_000_000,
          },
        });
      case 'search':
        if (stage === 'running')
          return { ...base, status: 'running', startedAt: searchStart, workflowId: `${run}/search`, cost: search.cost };
        return done(made.endedAt, {
          workflowId: `${run}/search`,
          cost: search.cost,
          outputs: {
            best_trial: search.bestTrial ?? 0,
            best_objective: search.bestObjective,
            best_parameters: search.trials[search.bestTrial ?? 0]?.parameters ?? {},
            export: search.trials[search.bestTrial ?? 0]?.bestExport ?? null,
            trials: search.trials.length,
            cost: search.cost,
            weights_sha256: 'a7c3'.repeat(16),
          },
        });
      case 'evaluate':
        if (stage === 'failed')
          return done(startedAt + 4 * MINUTE, { status: 'failed', reason: EVALUATION_FAILURE, errorType: 'ModelLimit', cost: 0.02 });
        return done(startedAt + 6 * MINUTE, {
          cost: 0.11,
          outputs: { ndcg_at_10: 0.5731, mrr: 0.5034, average_rank: 24.31, baseline_ndcg_at_10: 0.4391 },
        });
      case 'approval':
        if (stage === 'failed') {
          ends.set(step.id, startedAt);
          return { ...base, status: 'blocked', reason: 'evaluate failed' };
        }
        return done(startedAt + 55 * MINUTE, { outputs: { approved: true, by: 'ada', why: 'better in every segment' } });
      default:
        return done(startedAt + 20_000, { cost: 0.001 });
    }
  });
}

function earlyEvaluations(made: MadeSearch, pipeline: string, run: string, generator: Random): LedgerRow<'evaluations'>[] {
  const first = made.states.filter((trial) => trial.points >= 4).slice(0, 8);
  return first.flatMap((trial) => {
    const points = made.progress.filter((row) => row.trial === trial.trial);
    return points
      .filter((_, at) => at % 4 === 3)
      .flatMap((row, at) => {
        const value =
          Number((JSON.parse(String(row.metrics)) as Record<string, number>).validation_ndcg_at_10) - 0.004 + 0.002 * generator.normal();
        const common = {
          pipeline,
          run,
          time: row.time,
          step: 'search',
          trial: trial.trial,
          export: `${trial.output}/exports/${at + 1}`,
          scorer: 'model',
          early: true,
          samples: Number(row.samples),
          sessions: 5324,
        };
        return [
          { ...common, metric: 'ndcg_at_10', value, low: value - 0.006, high: value + 0.006 },
          { ...common, metric: 'average_rank', value: 60 - 62 * value, low: 59 - 62 * value, high: 61 - 62 * value },
        ];
      });
  });
}

const SCORERS = [
  { scorer: 'model', ndcg_at_10: 0.5731, mrr: 0.5034, average_rank: 24.31, recall_at_10: 0.402 },
  { scorer: 'champion', ndcg_at_10: 0.5653, mrr: 0.4962, average_rank: 25.87, recall_at_10: 0.391 },
  { scorer: 'popularity', ndcg_at_10: 0.4391, mrr: 0.3252, average_rank: 37.72, recall_at_10: 0.304 },
] as const;
const METRICS = ['average_rank', 'mrr', 'ndcg_at_10', 'recall_at_10'] as const;
const SEGMENTS = ['1', '2-3', '4-9', '10+'];

function finalEvaluations(pipeline: string, run: string, trial: number, at: number, generator: Random): LedgerRow<'evaluations'>[] {
  const model = SCORERS[0];
  const cells = [{ segment: '', value: '' }, ...SEGMENTS.map((value) => ({ segment: 'basket_size', value }))];
  return cells.flatMap(({ segment, value: segmentValue }) =>
    METRICS.flatMap((metric) =>
      SCORERS.map((scorer) => {
        const wide = metric === 'average_rank' ? 0.9 : 0.008;
        const shift = segment === '' ? 0 : wide * 2 * generator.normal();
        const value = scorer[metric] + shift;
        const half = wide * (segment === '' ? 1 : 2.2);
        const difference = model[metric] - scorer[metric];
        return {
          pipeline,
          run,
          time: iso(at),
          step: 'evaluate',
          trial,
          export: `file:///data/grocery-ranking/search/3f2a91c04b7d/trial-${trial}/exports/16`,
          scorer: scorer.scorer,
          segment,
          segment_value: segmentValue,
          metric,
          value,
          low: value - half,
          high: value + half,
          sessions: segment === '' ? 5324 : generator.integer(700, 1900),
          ...(scorer === model
            ? {}
            : {
                difference: -difference,
                difference_low: -difference - half * 0.6,
                difference_high: -difference + half * 0.6,
                compared_with: 'model',
              }),
          early: false,
          samples: 81_812,
        };
      }),
    ),
  );
}

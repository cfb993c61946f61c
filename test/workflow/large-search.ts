/** Records of a search as a real one has them: gs:// paths, four parameters, twelve metrics. */
import { emptyCarried } from '../../src/rules/reopened-trials.ts';
import type { SearchCarried, TrialRecord } from '../../src/contract/search.ts';
import type { StoppingRule } from '../../src/contract/search-space.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { trialOutput, trialWorkflowId } from '../../src/contract/ids.ts';

export const RUN = 'nightly-20261124-030000';
export const OUTPUT = `gs://shop-ranking-models/ranking/search/8f3a1c9e2b47/${RUN}`;
const METRICS = [
  'score',
  'loss',
  'validation_loss',
  'ndcg_5',
  'ndcg_10',
  'recall_10',
  'recall_50',
  'mrr',
  'auc',
  'calibration',
  'gradient_norm',
  'learning_rate',
];
export const STOPPING: StoppingRule[] = [
  { kind: 'median', startupTrials: 5, warmupSteps: 0, intervalSteps: 1, minTrials: 1 },
  { kind: 'divergence', metric: 'loss', explodesBy: 10 },
  { kind: 'overfitting', training: 'loss', validation: 'validation_loss', gap: 0.5, steps: 3 },
];

const value = (i: number): number => Number((0.1 + ((i * 7919) % 100_000) / 123_457).toPrecision(9));

export function recordOf(trial: number, { points, over, run = RUN }: { points: number; over: boolean; run?: string }): TrialRecord {
  const output = trialOutput(OUTPUT, trial);
  const curve = Array.from({ length: points }, (_, i) => value(trial + i));
  const carried = {
    ...emptyCarried(),
    attempts: 4,
    preemptions: 3,
    lastProgress: points * 10,
    samples: 12_345_678,
    cost: 12.345678,
    onDemandCost: 37.03,
    lostCost: 0.41,
    seconds: 86_400,
    trainedSeconds: 84_000,
    startedAt: 1_795_500_000_000,
    done: 1,
  };
  return {
    state: {
      trial,
      parameters: { learning_rate: value(trial), dropout: value(trial + 1), layers: 4, embedding: 128 },
      origin: 'sampler',
      parent: null,
      output,
      workflowId: trialWorkflowId(run, 'search', trial),
      status: over ? 'succeeded' : 'running',
      objective: over ? value(trial) : null,
      points,
      metrics: Object.fromEntries(METRICS.map((name, i) => [name, value(trial + i)])),
      offline: {},
      reason: null,
      kept: false,
      priority: 0,
      attempts: 4,
      preemptions: 3,
      pool: over ? null : 'spot-a100',
      startedAt: 1_795_500_000_000,
      endedAt: over ? 1_795_586_400_000 : null,
      cost: 12.345678,
      onDemandCost: 37.03,
      lostCost: 0.41,
      bestExport: over ? `${output}/exports/000123` : null,
    },
    active: !over,
    runningSince: over ? null : 1_795_500_000_000,
    busyMs: 86_400_000,
    curve,
    series: over ? {} : { loss: [...curve], validation_loss: [...curve] },
    values: over ? [value(trial)] : [],
    asked: trial,
    told: over ? trial : null,
    space: 0,
    progress: points * 10,
    lastProgress: over ? points * 10 : null,
    exports: 0,
    evaluatedAt: null,
    toEvaluate: null,
    evaluatedExport: null,
    ending: null,
    weightsSha256: over ? 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' : null,
    fork: null,
    carried: over ? carried : null,
    stopping: null,
    held: false,
    asking: null,
    unrecorded: false,
    inherited: false,
  };
}

export const memoryOf = (spec: SearchSpec, records: TrialRecord[]): SearchCarried => ({
  startedAt: Date.now(),
  status: 'running',
  reason: null,
  parallel: spec.parallel,
  plannedTrials: spec.trials,
  space: spec.space,
  spaceVersion: 0,
  stopping: spec.stopping,
  budget: spec.budget,
  records,
  decisions: [],
  tells: records.filter(({ told }) => told !== null).length,
  exhausted: false,
  finishing: null,
  warm: [],
  generation: 1,
  pausedMs: 0,
  pausedSince: null,
  sampler: 'fake',
});

/** The metrics that Longhaul computes: names and which way is better, by task. Directions are declared here or by the user, never read out of a name. */
import type { Objective } from './search-space.ts';

export type Goal = Objective['goal'];

export const TASKS = ['ranking', 'binary', 'multiclass', 'regression', 'forecast'] as const;
export type Task = (typeof TASKS)[number];

/** Of a task with one row an example, in the order of the tables. `forecast` has `mase` where a scale is given. */
export const TASK_METRICS = {
  binary: {
    auc: 'maximize',
    pr_auc: 'maximize',
    log_loss: 'minimize',
    brier: 'minimize',
    calibration_error: 'minimize',
    accuracy: 'maximize',
    lift_at_10: 'maximize',
  },
  multiclass: { accuracy: 'maximize', balanced_accuracy: 'maximize', log_loss: 'minimize', brier: 'minimize' },
  regression: { mae: 'minimize', rmse: 'minimize', mape: 'minimize', r2: 'maximize', pinball: 'minimize' },
  forecast: { wape: 'minimize', mase: 'minimize', mae: 'minimize', rmse: 'minimize' },
} as const satisfies Record<Exclude<Task, 'ranking'>, Record<string, Goal>>;

/** Of a ranking; those with `_at_` for each `k`. average_rank: 1-based mean rank of the ordered items among all candidates; auc: within a session. */
export const RANKING_METRICS = ['average_rank', 'mrr', 'ndcg', 'recall', 'map', 'precision', 'auc'] as const;
export type RankingMetric = (typeof RANKING_METRICS)[number];
/** More of them are more tests, of which each is corrected for. */
export const USUAL_RANKING_METRICS: readonly RankingMetric[] = ['average_rank', 'mrr', 'ndcg', 'recall'];
const AT_K: readonly RankingMetric[] = ['ndcg', 'recall', 'map', 'precision'];

/** In the order of the tables. */
export function metricNames(k: readonly number[], metrics: readonly RankingMetric[] = USUAL_RANKING_METRICS): string[] {
  return RANKING_METRICS.filter((metric) => metrics.includes(metric)).flatMap((metric) =>
    AT_K.includes(metric) ? k.map((at) => `${metric}_at_${at}`) : [metric],
  );
}

/** Of an evaluation by its task. @param options `k` and `metrics` of a ranking, whether a forecast has a scale */
export function metricsOfTask(
  task: Task,
  options: { readonly k: readonly number[]; readonly metrics?: readonly RankingMetric[] | undefined; readonly scaled?: boolean },
): string[] {
  if (task === 'ranking') return metricNames(options.k, options.metrics);
  return Object.keys(TASK_METRICS[task]).filter((name) => name !== 'mase' || options.scaled === true);
}

/** Which way is better, of a metric of Longhaul's own; null: nobody said. */
export function goalOf(metric: string): Goal | null {
  if (metric === 'average_rank') return 'minimize';
  if (metric === 'mrr' || /^(ndcg|recall|map|precision)_at_\d+$/.test(metric)) return 'maximize';
  for (const metrics of Object.values(TASK_METRICS)) {
    const goal = (metrics as Readonly<Record<string, Goal>>)[metric];
    if (goal !== undefined) return goal;
  }
  return null;
}

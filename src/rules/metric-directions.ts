/** Which way is better for a metric, by what is known of it. Pure. */
import type { Objective } from '../contract/search-space.ts';

type Direction = Objective['goal'];

/** Words of names, without `validation_`, `offline.` and `_at_10`. A longer one is looked for first: `log_loss` is no `loss` by chance. */
const LESS_IS_BETTER = [
  ...[
    'loss',
    'error',
    'rank',
    'perplexity',
    'latency',
    'rmse',
    'mse',
    'mae',
    'mape',
    'nll',
    'deviance',
    'wer',
    'cer',
    'fid',
    'seconds',
    'bytes',
  ],
];
const MORE_IS_BETTER = [
  ...[
    'ndcg',
    'mrr',
    'map',
    'accuracy',
    'acc',
    'auc',
    'auroc',
    'auprc',
    'f1',
    'precision',
    'recall',
    'hit',
    'hits',
    'bleu',
    'rouge',
    'r2',
    'score',
  ],
];

/** Of the objectives their own direction, else what the name says; null where it says nothing. */
export function directionOf(metric: string, objectives: readonly Objective[]): Direction | null {
  const own = objectives.find((objective) => objective.metric === metric);
  if (own) return own.goal;
  const words = metric.toLowerCase().split(/[^a-z0-9]+/);
  // The last word that is known: `accuracy_loss` is a loss.
  for (const word of words.reverse()) {
    if (LESS_IS_BETTER.includes(word)) return 'minimize';
    if (MORE_IS_BETTER.includes(word)) return 'maximize';
  }
  return null;
}

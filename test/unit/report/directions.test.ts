/** Directions are declared: a name tells nothing. */
import { describe, expect, it } from 'vitest';
import { goalOf, TASK_METRICS } from '../../../src/contract/metrics.ts';
import { directionOf } from '../../../src/present/directions.ts';
import { verdictOf } from '../../../src/present/verdict.ts';
import { makeRun } from '../../support/run-data.ts';

/** The model against the champion, by a metric of this name, better by one when greater. */
function told(metric: string, more: object): string {
  const made = makeRun();
  const row = made.evaluations.find(
    (one) => one.scorer === 'model' && one.metric === 'ndcg_at_10' && one.segment === '' && one.early !== true,
  );
  const common = { ...row, metric, low: null, high: null, early: false, units: 400, ...more };
  const evaluations = [
    { ...common, scorer: 'model', value: 2, compared_with: 'champion', difference: 1, difference_low: 0.5, difference_high: 1.5 },
    { ...common, scorer: 'champion', value: 1, compared_with: 'model', difference: -1, difference_low: -1.5, difference_high: -0.5 },
  ] as typeof made.evaluations;
  return verdictOf({ ...made, evaluations }).headline;
}

describe('the direction of a metric', () => {
  it('is that of the registry, whatever the name sounds like', () => {
    for (const metric of ['brier', 'mape', 'calibration_error', 'log_loss', 'average_rank', 'pinball', 'wape', 'mase', 'rmse'])
      expect([metric, goalOf(metric)]).toEqual([metric, 'minimize']);
    for (const metric of ['auc', 'r2', 'accuracy', 'lift_at_10', 'ndcg_at_5', 'recall_at_20', 'mrr'])
      expect([metric, goalOf(metric)]).toEqual([metric, 'maximize']);
    for (const [task, metrics] of Object.entries(TASK_METRICS))
      for (const [metric, goal] of Object.entries(metrics)) expect(goalOf(metric), `${task} ${metric}`).toBe(goal);
  });

  it.each(['latency_ms', 'rank_correlation', 'deviance', 'error_budget_left', 'profit'])(
    'of %s is what its row says, or nothing',
    (metric) => {
      expect(goalOf(metric)).toBeNull();
      expect(told(metric, {})).toMatch(/^Cannot be told from the last champion/);
      expect(told(metric, { goal: 'maximize' })).toMatch(/^Better than the last champion/);
      expect(told(metric, { goal: 'minimize' })).toMatch(/^Worse than the last champion/);
      expect(directionOf(metric, [{ pipeline: 'p', run: 'r', time: '', metric, goal: 'minimize' }])).toBe('minimize');
    },
  );

  it('lets the evaluation decide where it has corrected for what was looked at', () => {
    expect(told('auc', { verdict: 'cannot tell', units_needed: 12_000 })).toMatch(
      /^Cannot be told from .*; 12,000 units would tell, 400 were seen$/,
    );
    expect(told('auc', { verdict: 'not worse', margin: 0.02 })).toMatch(/^Not worse than the last champion by more than 0\.02: auc/);
    expect(told('auc', { verdict: 'cannot tell', units: 12, difference_low: null })).toContain('Cannot be told');
  });

  it('says "too few" where there is no interval for want of independent units', () => {
    const made = makeRun();
    const evaluations = made.evaluations.map((row) => ({ ...row, units: 12, difference_low: null, difference_high: null }));
    expect(verdictOf({ ...made, evaluations }).headline).toContain('(too few: 12 independent units)');
  });

  it('passes on that a column looks like the independent unit', () => {
    const made = makeRun();
    const steps = made.run.steps.map((step) =>
      step.kind === 'evaluate' ? { ...step, outputs: { ...step.outputs, hint: 'say cluster: shop' } } : step,
    );
    expect(verdictOf({ ...made, run: { ...made.run, steps } }).sentences).toContain('say cluster: shop');
  });
});

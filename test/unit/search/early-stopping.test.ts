import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoppingRule, type Objective } from '../../../src/contract/search-space.ts';
import { bestOf, metricsOfRules, quantile, stopReason, stopReasonBetweenPoints } from '../../../src/rules/early-stopping.ts';
import type { Curve, Goal, RulesVersion, TrialCurve } from '../../../src/rules/early-stopping.ts';

const trialOf = (more: Partial<TrialCurve>): TrialCurve => ({
  trial: 0,
  status: 'running',
  curve: [],
  series: {},
  seconds: 0,
  cost: 0,
  ...more,
});
const complete = (...curves: Curve[]): TrialCurve[] => curves.map((curve, i) => trialOf({ trial: i + 1, status: 'complete', curve }));

interface Around {
  readonly others?: TrialCurve[];
  readonly goal?: Goal;
  readonly also?: readonly Objective[];
  readonly version?: RulesVersion;
}

function judged(rule: object, trial: Partial<TrialCurve>, { others = [], goal = 'maximize', ...more }: Around = {}): string | null {
  const one = trialOf(trial);
  return stopReason([StoppingRule.parse(rule)], one, {
    study: 's',
    objective: { metric: 'score', goal },
    trials: [one, ...others],
    ...more,
  });
}

describe('the reasons to stop a trial, in words', () => {
  it('median: a best value worse than the median of finished trials at that point', () => {
    const others = complete([0.5, 0.6], [0.6, 0.8], [0.1, 0.2]);
    const rule = { kind: 'median', startupTrials: 3 };
    expect(judged(rule, { curve: [0.2, 0.3] }, { others })).toBe(
      'median: best value 0.3 is worse than the median 0.6 of 3 trials at point 2',
    );
    expect(judged(rule, { curve: [0.7, 0.3] }, { others })).toBeNull();
    expect(judged({ ...rule, startupTrials: 4 }, { curve: [0.2, 0.3] }, { others })).toBeNull();
    expect(judged({ ...rule, warmupSteps: 3 }, { curve: [0.2, 0.3] }, { others })).toBeNull();
  });

  it('asha: a value at a rung that is not among the best', () => {
    const others = complete([0.5], [0.6], [0.7], [0.8]);
    const rule = { kind: 'asha', reductionFactor: 2 };
    expect(judged(rule, { curve: [0.1] }, { others })).toBe(
      'asha: value 0.1 at rung 0 (point 1) is not among the best 1/2 of 5 trials, 0.7 would be',
    );
    expect(judged(rule, { curve: [0.9] }, { others })).toBeNull();
    // Points between rungs decide nothing.
    expect(judged(rule, { curve: [0.9, 0.1, 0.1] }, { others })).toBeNull();
  });

  it('patience: no progress in so many points', () => {
    expect(judged({ kind: 'patience', steps: 2 }, { curve: [0.5, 0.5, 0.4] })).toBe('patience: no progress beyond 0.5 in 2 points');
    expect(judged({ kind: 'patience', steps: 2 }, { curve: [0.5, 0.4, 0.6] })).toBeNull();
    expect(judged({ kind: 'patience', steps: 2, minDelta: 0.2 }, { curve: [0.5, 0.4, 0.6] })).toContain('no progress');
  });

  it('divergence: a loss that explodes or is not a number', () => {
    expect(judged({ kind: 'divergence' }, { series: { loss: [0.5, null] } })).toBe('divergence: loss is not a number');
    expect(judged({ kind: 'divergence' }, { series: { loss: [0.5, 6] } })).toBe(
      'divergence: loss is 6, more than 10 times what it began with, 0.5',
    );
    expect(judged({ kind: 'divergence' }, { series: { loss: [0.5, 4] } })).toBeNull();
    expect(judged({ kind: 'divergence' }, { series: {} })).toBeNull();
  });

  it('overfitting: validation away from training for some points', () => {
    const rule = { kind: 'overfitting', gap: 0.2, steps: 2 };
    expect(judged(rule, { series: { loss: [0.5, 0.3, 0.2], validation_loss: [0.5, 0.6, 0.7] } })).toBe(
      'overfitting: validation_loss is 0.5 worse than loss, more than 0.2 for 2 points',
    );
    expect(judged(rule, { series: { loss: [0.5, 0.3, 0.6], validation_loss: [0.5, 0.6, 0.7] } })).toBeNull();
  });

  it('underfitting: still poor after some points', () => {
    const rule = { kind: 'underfitting', metric: 'score', worseThan: 0.3, afterSteps: 2 };
    expect(judged(rule, { curve: [0.1, 0.2] })).toBe('underfitting: score is 0.2 after 2 points, worse than 0.3');
    expect(judged(rule, { curve: [0.1] })).toBeNull();
    expect(judged(rule, { curve: [0.1, 0.4] })).toBeNull();
  });

  it('wall clock and cost of a trial, also between points', () => {
    const rules = [StoppingRule.parse({ kind: 'wall-clock', seconds: 60 }), StoppingRule.parse({ kind: 'cost', amount: 2 })];
    const context = { study: 's', objective: { metric: 'score', goal: 'maximize' as const }, trials: [] };
    expect(stopReasonBetweenPoints(rules, trialOf({ seconds: 61 }), context)).toBe('wall-clock: trained for 61 s, more than 60 s');
    expect(stopReasonBetweenPoints(rules, trialOf({ cost: 2.5 }), context)).toBe('cost: cost 2.50, more than 2');
    expect(stopReasonBetweenPoints(rules, trialOf({ seconds: 60, cost: 2 }), context)).toBeNull();
    const patience = [StoppingRule.parse({ kind: 'patience', steps: 1 })];
    expect(stopReasonBetweenPoints(patience, trialOf({ curve: [1, 0] }), context)).toBeNull();
  });

  it('names the metrics that rules look at besides the objective', () => {
    const rules = [{ kind: 'divergence' }, { kind: 'overfitting', gap: 1 }, { kind: 'median' }].map((rule) => StoppingRule.parse(rule));
    expect(metricsOfRules(rules)).toEqual(['loss', 'validation_loss']);
  });
});

const value = fc.option(fc.double({ min: -100, max: 100, noNaN: true }), { freq: 10 });
const curve = fc.array(value, { minLength: 1, maxLength: 12 });
const rule = fc.constantFrom(
  { kind: 'median', startupTrials: 1 },
  { kind: 'percentile', percentile: 30, startupTrials: 1 },
  { kind: 'asha' },
  { kind: 'hyperband', maxResource: 12 },
  { kind: 'patience', steps: 3 },
);

describe('every rule that compares values', () => {
  it('says the same of a curve turned upside down with the other goal', () => {
    const negated = (points: Curve): Curve => points.map((point) => (point === null ? null : -point));
    fc.assert(
      fc.property(rule, curve, fc.array(curve, { maxLength: 6 }), (one, own, others) => {
        const up = judged(one, { curve: own }, { others: complete(...others), goal: 'maximize' });
        const down = judged(one, { curve: negated(own) }, { others: complete(...others.map(negated)), goal: 'minimize' });
        expect(up === null).toBe(down === null);
      }),
    );
  });

  it('lets the best trial of all go on', () => {
    const numbers = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rule, numbers, fc.array(numbers, { maxLength: 6 }), (one, own, others) => {
        // Rising, and above everything else.
        const best = own.map((_, i) => 1000 + i);
        expect(judged(one, { curve: best }, { others: complete(...others) })).toBeNull();
      }),
    );
  });

  it('always answers with its own name and a sentence, or not at all', () => {
    fc.assert(
      fc.property(rule, curve, fc.array(curve, { maxLength: 6 }), (one, own, others) => {
        const reason = judged(one, { curve: own }, { others: complete(...others) });
        if (reason !== null) expect(reason).toMatch(new RegExp(`^${one.kind}: .{10,}`));
      }),
    );
  });
});

describe('quantile', () => {
  it('lies between the least and the greatest number and grows with the percentage', () => {
    fc.assert(
      fc.property(curve, fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0, max: 100, noNaN: true }), (values, a, b) => {
        const [low, high] = [quantile(values, Math.min(a, b)), quantile(values, Math.max(a, b))];
        if (low === null || high === null) {
          expect(values.every((value) => value === null)).toBe(true);
          return;
        }
        const slack = 1e-9 * (1 + Math.abs(high));
        expect(low).toBeLessThanOrEqual(high + slack);
        expect(low).toBeGreaterThanOrEqual((bestOf(values, 'minimize') ?? 0) - slack);
        expect(high).toBeLessThanOrEqual((bestOf(values, 'maximize') ?? 0) + slack);
      }),
    );
  });
});

describe('rules of a metric of their own', () => {
  const UNDERFITTING = { kind: 'underfitting', metric: 'validation_average_rank', worseThan: 100, afterSteps: 2 };

  it('go by its direction, and not by that of the objective', () => {
    const rank = (...values: number[]): Partial<TrialCurve> => ({
      curve: values.map((_, i) => i),
      series: { validation_average_rank: values },
    });
    expect(judged(UNDERFITTING, rank(55, 41))).toBeNull();
    expect(judged(UNDERFITTING, rank(190, 170))).toBe('underfitting: validation_average_rank is 170 after 2 points, worse than 100');
    expect(judged({ ...UNDERFITTING, direction: 'maximize' }, rank(55, 41))).toContain('worse than 100');
    // Of the objectives, whatever their names say.
    const also: Objective[] = [{ metric: 'churn', goal: 'minimize' }];
    const rule = { ...UNDERFITTING, metric: 'churn', worseThan: 0.5 };
    expect(judged(rule, { curve: [1, 1], series: { churn: [0.9, 0.7] } }, { also })).toContain('worse than 0.5');
    expect(judged(rule, { curve: [1, 1], series: { churn: [0.4, 0.3] } }, { also })).toBeNull();
  });

  it('compare points of the same time, also where a rule came later', () => {
    const rule = { kind: 'overfitting', gap: 0.3, steps: 2 };
    const falling = [3, 2.5, 2.1, 1.8];
    const near = falling.map((value) => value + 0.1);
    expect(judged(rule, { curve: near, series: { loss: falling, validation_loss: [null, null, ...near.slice(2)] } })).toBeNull();
    // Series of an unknown shift say nothing.
    expect(judged(rule, { curve: near, series: { loss: falling, validation_loss: near.slice(2) } })).toBeNull();
  });

  it('take a validation that is better than training for no overfitting, whichever way the metric goes', () => {
    const losses = { kind: 'overfitting', gap: 0.3, steps: 2 };
    expect(judged(losses, { curve: [1, 1], series: { loss: [2, 2], validation_loss: [1, 1] } })).toBeNull();
    const accuracy = { ...losses, training: 'accuracy', validation: 'validation_accuracy' };
    expect(judged(accuracy, { curve: [1, 1], series: { accuracy: [0.5, 0.5], validation_accuracy: [0.9, 0.9] } })).toBeNull();
    expect(judged(accuracy, { curve: [1, 1], series: { accuracy: [0.9, 0.9], validation_accuracy: [0.5, 0.5] } })).toContain(
      'worse than accuracy',
    );
  });

  it('take a loss that moves near zero for no divergence', () => {
    expect(judged({ kind: 'divergence' }, { series: { loss: [0.31, 0.002, 0.024] } })).toBeNull();
    expect(judged({ kind: 'divergence' }, { series: { loss: [0.31, 0.002, 3.2] } })).toContain('began with, 0.31');
    expect(judged({ kind: 'divergence' }, { series: { loss: [-5, -400] } })).toBeNull();
  });

  it('decide as they did for searches that began with release 0.1', () => {
    const rank: Partial<TrialCurve> = { curve: [0, 1], series: { validation_average_rank: [55, 41] } };
    expect(judged(UNDERFITTING, rank, { version: 1 })).toContain('worse than 100');
    expect(judged({ kind: 'divergence' }, { series: { loss: [0.31, 0.002, 0.024] } }, { version: 1 })).toContain('its least 0.002');
  });
});

describe('with several objectives', () => {
  const also: Objective[] = [{ metric: 'latency', goal: 'minimize' }];
  const others = [0.5, 0.6, 0.7, 0.8, 0.9].map((value, i) =>
    trialOf({ trial: i + 1, status: 'complete', curve: [value, value], series: { latency: [100, 100] } }),
  );
  const poor = (latency: number): Partial<TrialCurve> => ({ curve: [0.4], series: { latency: [latency] } });

  it.each([{ kind: 'median' }, { kind: 'percentile', percentile: 25 }, { kind: 'asha' }])(
    '$kind stops only what another trial beats in all of them',
    (rule) => {
      expect(judged(rule, poor(1), { others, also })).toBeNull();
      expect(judged(rule, poor(100), { others, also })).toContain(rule.kind);
      expect(judged(rule, poor(1), { others, also, version: 1 })).toContain(rule.kind);
    },
  );

  it('patience waits for progress in any of them', () => {
    const rule = { kind: 'patience', steps: 2 };
    expect(judged(rule, { curve: [0.5, 0.4, 0.4], series: { latency: [9, 8, 7] } }, { also })).toBeNull();
    expect(judged(rule, { curve: [0.5, 0.4, 0.4], series: { latency: [9, 9, 9] } }, { also })).toContain('no progress');
  });
});

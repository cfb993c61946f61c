/** Median, percentile, ASHA and Hyperband decide as Optuna's pruners do, point by point, on 1,000 generated learning curves a rule. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { StoppingRule } from '../../../src/contract/search-space.ts';
import { stopReason } from '../../../src/rules/early-stopping.ts';
import type { Goal, TrialCurve } from '../../../src/rules/early-stopping.ts';
import { generator } from './generator.ts';

const CASES = 25;
const TRIALS = 40;
const STEPS = 16;
const NOT_A_NUMBER_SHARE = 0.02;

const RULES: Readonly<Record<string, object>> = {
  median: { kind: 'median' },
  'median after a warm-up, at intervals': { kind: 'median', startupTrials: 2, warmupSteps: 3, intervalSteps: 2, minTrials: 3 },
  percentile: { kind: 'percentile', percentile: 25, startupTrials: 3 },
  asha: { kind: 'asha' },
  'asha that starts late': { kind: 'asha', minResource: 2, reductionFactor: 2, minEarlyStoppingRate: 1 },
  hyperband: { kind: 'hyperband', minResource: 1, maxResource: STEPS },
};

interface Case {
  readonly study: string;
  readonly rule: StoppingRule;
  readonly goal: Goal;
  readonly curves: readonly (readonly (number | null)[])[];
  /** Which trial reports its next point. */
  readonly order: readonly number[];
}

function casesOf(name: string, rule: StoppingRule): Case[] {
  const random = generator(name);
  return Array.from({ length: CASES }, (_, i) => {
    const goal = i % 2 === 0 ? 'minimize' : 'maximize';
    const curves = Array.from({ length: TRIALS }, () => {
      const [end, speed, noise] = [random(), 0.1 + random(), 0.2 * random()];
      const sign = goal === 'minimize' ? 1 : -1;
      return Array.from({ length: STEPS }, (__, step) =>
        random() < NOT_A_NUMBER_SHARE ? null : sign * (end + Math.exp(-speed * step) + noise * random()),
      );
    });
    // A few trials at once, as in a search: each report comes from one of the first that are not over.
    const left = curves.map((curve) => curve.length);
    const order: number[] = [];
    while (order.length < TRIALS * STEPS) {
      const open = left.flatMap((points, trial) => (points > 0 ? [trial] : [])).slice(0, 4);
      const trial = open[Math.floor(random() * open.length)] ?? 0;
      left[trial] = (left[trial] ?? 0) - 1;
      order.push(trial);
    }
    return { study: `${name}-${i}`, rule, goal, curves, order };
  });
}

/** What our rule stops, in the order in which it does. */
function play({ study, rule, goal, curves, order }: Case): [trial: number, step: number][] {
  const trials: { trial: number; status: TrialCurve['status']; curve: (number | null)[] }[] = curves.map((_, trial) => ({
    trial,
    status: 'running',
    curve: [],
  }));
  const seen = (): TrialCurve[] => trials.map((trial) => ({ ...trial, series: {}, seconds: 0, cost: 0 }));
  const stopped: [number, number][] = [];
  for (const number of order) {
    const trial = trials[number];
    const curve = curves[number];
    if (trial?.status !== 'running' || !curve) continue;
    trial.curve.push(curve[trial.curve.length] ?? null);
    const all = seen();
    const judged = all[number];
    if (judged && stopReason([rule], judged, { study, objective: { metric: 'm', goal }, trials: all }) !== null) {
      trial.status = 'stopped';
      stopped.push([number, trial.curve.length]);
    } else if (trial.curve.length === curve.length) trial.status = 'complete';
  }
  return stopped;
}

describe('a rule of stopping early', () => {
  const cases = new Map(Object.entries(RULES).map(([name, rule]) => [name, casesOf(name, StoppingRule.parse(rule))]));
  let optuna: [number, number][][];
  beforeAll(() => {
    const answer = execFileSync(process.env.LONGHAUL_PYTHON ?? 'python3', [join(import.meta.dirname, 'optuna_pruners.py')], {
      input: JSON.stringify([...cases.values()].flat()),
      maxBuffer: 2 ** 26,
    });
    optuna = JSON.parse(answer.toString()) as [number, number][][];
  });

  it.each(Object.keys(RULES))('%s stops the same trials at the same points as Optuna', (name) => {
    const first = Object.keys(RULES).indexOf(name) * CASES;
    const ours = (cases.get(name) ?? []).map(play);
    expect(ours).toEqual(optuna.slice(first, first + CASES));
    // A rule that never stops anything would agree with a pruner that was never asked.
    expect(ours.flat().length).toBeGreaterThan(TRIALS);
    expect(ours.flat().length).toBeLessThan(CASES * TRIALS);
  });
});

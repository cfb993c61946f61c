/** Three rules as release 0.1 had them, for searches that began with it: a history must go the same way again. */
import type { Objective, StoppingRule } from '../contract/search-space.ts';
import { bestOf, show } from './curves.ts';
import type { Curve } from './curves.ts';

interface Trial {
  readonly curve: Curve;
  readonly series: Readonly<Record<string, Curve>>;
}
type Rule<K extends StoppingRule['kind']> = Extract<StoppingRule, { kind: K }>;

export function divergenceV1(rule: Rule<'divergence'>, trial: Trial): string | null {
  const values = trial.series[rule.metric] ?? [];
  const last = values.at(-1);
  if (last === undefined) return null;
  if (last === null || !Number.isFinite(last)) return `${rule.metric} is not a number`;
  const earlier = values.slice(0, -1).filter((value) => value !== null);
  const least = Math.min(...earlier.map(Math.abs));
  return earlier.length > 0 && least > 0 && Math.abs(last) > least * rule.explodesBy
    ? `${rule.metric} is ${show(last)}, more than ${rule.explodesBy} times its least ${show(least)}`
    : null;
}

export function overfittingV1(rule: Rule<'overfitting'>, trial: Trial): string | null {
  const training = trial.series[rule.training] ?? [];
  const validation = trial.series[rule.validation] ?? [];
  if (validation.length < rule.steps) return null;
  const gaps = validation.slice(-rule.steps).map((value, i) => {
    const own = training[validation.length - rule.steps + i];
    return value === null || own === null || own === undefined ? null : Math.abs(value - own);
  });
  return gaps.every((gap) => gap !== null && gap > rule.gap)
    ? `${rule.validation} is ${show(gaps.at(-1) ?? 0)} away from ${rule.training}, more than ${rule.gap} for ${rule.steps} points`
    : null;
}

export function underfittingV1(rule: Rule<'underfitting'>, trial: Trial, { goal, metric }: Objective): string | null {
  const values = rule.metric === metric ? trial.curve : (trial.series[rule.metric] ?? []);
  if (values.length < rule.afterSteps) return null;
  const best = bestOf(values, rule.metric.endsWith('loss') ? 'minimize' : goal);
  const worse = best === null || (rule.metric.endsWith('loss') || goal === 'minimize' ? best > rule.worseThan : best < rule.worseThan);
  return worse
    ? `${rule.metric} is ${best === null ? 'not a number' : show(best)} after ${values.length} points, worse than ${rule.worseThan}`
    : null;
}

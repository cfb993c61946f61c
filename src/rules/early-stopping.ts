/**
 * When to stop a trial early. Pure functions of learning curves; each answer has its reason in words.
 * Steps are validation points, counted from 1. `null` in a curve is a value that is not a number.
 *
 * Median and percentile: Golovin et al., Google Vizier (KDD 2017). Successive halving: Li et al., ASHA (MLSys 2020).
 * Hyperband: Li et al. (JMLR 2018). These agree with Optuna's pruners, which test/unit/search compares on generated curves.
 */
import type { Objective, StoppingRule } from '../contract/search-space.ts';
import { dominates } from './best-trials.ts';
import { bestOf, quantile, show } from './curves.ts';
import type { Curve, Goal } from './curves.ts';
import { divergenceV1, overfittingV1, underfittingV1 } from './early-stopping-v1.ts';
import { directionOf } from './metric-directions.ts';

export { bestOf, quantile } from './curves.ts';
export type { Curve, Goal } from './curves.ts';

/** What the rules see of a trial. */
export interface TrialCurve {
  readonly trial: number;
  readonly status: 'running' | 'complete' | 'stopped' | 'failed';
  readonly curve: Curve;
  readonly series: Readonly<Record<string, Curve>>;
  readonly seconds: number;
  readonly cost: number;
}

/** 1: as in release 0.1, for searches that began with it. */
export type RulesVersion = 1 | 2;

export interface StoppingContext {
  /** The present one where absent. */
  readonly version?: RulesVersion;
  /** Further objectives; their values are in the trials' series. */
  readonly also?: readonly Objective[];
  /** Name of the study: places trials in Hyperband's brackets. */
  readonly study: string;
  readonly objective: Objective;
  /** All trials of the search, the judged one among them. */
  readonly trials: readonly TrialCurve[];
}

type Rule<K extends StoppingRule['kind']> = Extract<StoppingRule, { kind: K }>;

/** Rules that look at curves and so at each new point; the others also bite between points. */
const BETWEEN_POINTS: readonly StoppingRule['kind'][] = ['wall-clock', 'cost'];

/** Rules that compare a trial with others by the first objective. */
const COMPARING: readonly StoppingRule['kind'][] = ['median', 'percentile', 'asha', 'hyperband'];

/** Rules after which nothing more was to be expected of the trial: what it came to is its result, and no sign that it would have been poor. */
const ENOUGH: readonly StoppingRule['kind'][] = ['patience', 'overfitting', 'wall-clock', 'cost'];

/** Whether a trial that was stopped for this reason, as `stopReason` words it, counts for the sampler as finished with its best point. */
export const isEnough = (reason: string): boolean => ENOUGH.some((kind) => reason.startsWith(`${kind}: `));

/** Reason to stop the trial now, by the first rule that has one; null to go on. */
export function stopReason(rules: readonly StoppingRule[], trial: TrialCurve, context: StoppingContext): string | null {
  const several = context.version !== 1 && (context.also ?? []).length > 0;
  for (const rule of rules) {
    const reason = judge(rule, trial, context);
    if (reason && several && COMPARING.includes(rule.kind) && !isBeaten(trial, context)) continue;
    if (reason) return `${rule.kind}: ${reason}`;
  }
  return null;
}

/** The same for rules that need no new point. */
export function stopReasonBetweenPoints(rules: readonly StoppingRule[], trial: TrialCurve, context: StoppingContext): string | null {
  return stopReason(
    rules.filter((rule) => BETWEEN_POINTS.includes(rule.kind)),
    trial,
    context,
  );
}

/** Metrics besides the objective that the rules look at; with several objectives the further ones too. */
export function metricsOfRules(rules: readonly StoppingRule[], also: readonly Objective[] = []): string[] {
  const names = rules.flatMap((rule) => {
    if (rule.kind === 'divergence' || rule.kind === 'underfitting') return [rule.metric];
    return rule.kind === 'overfitting' ? [rule.training, rule.validation] : [];
  });
  return [...new Set([...names, ...also.map(({ metric }) => metric)])];
}

function judge(rule: StoppingRule, trial: TrialCurve, context: StoppingContext): string | null {
  switch (rule.kind) {
    case 'median':
      return percentile({ ...rule, kind: 'percentile', percentile: 50 }, trial, context, 'the median');
    case 'percentile':
      return percentile(rule, trial, context, `percentile ${rule.percentile}`);
    case 'asha':
      return halving(rule, rule.minEarlyStoppingRate, trial, context.trials, context.objective.goal);
    case 'hyperband':
      return hyperband(rule, trial, context);
    case 'patience':
      return patience(rule, trial, context);
    case 'divergence':
      return context.version === 1 ? divergenceV1(rule, trial) : divergence(rule, trial);
    case 'overfitting':
      return context.version === 1 ? overfittingV1(rule, trial) : overfitting(rule, trial, context);
    case 'underfitting':
      return context.version === 1 ? underfittingV1(rule, trial, context.objective) : underfitting(rule, trial, context);
    case 'wall-clock':
      return trial.seconds > rule.seconds ? `trained for ${Math.round(trial.seconds)} s, more than ${rule.seconds} s` : null;
    case 'cost':
      return trial.cost > rule.amount ? `cost ${trial.cost.toFixed(2)}, more than ${rule.amount}` : null;
  }
}

function percentile(rule: Rule<'percentile'>, trial: TrialCurve, context: StoppingContext, label: string): string | null {
  const { goal } = context.objective;
  const complete = context.trials.filter((other) => other.status === 'complete');
  const step = trial.curve.length;
  if (complete.length === 0 || complete.length < rule.startupTrials || step === 0 || step < rule.warmupSteps) return null;
  const check = Math.floor((step - rule.warmupSteps) / rule.intervalSteps) * rule.intervalSteps + rule.warmupSteps;
  if (step - 1 >= check && step > 1) return null;

  const best = bestOf(trial.curve, goal);
  if (best === null) return `no value is a number at point ${step}`;
  const others = complete.filter((other) => other.curve.length >= step).map((other) => other.curve[step - 1] ?? null);
  if (others.length < rule.minTrials) return null;
  const limit = quantile(others, goal === 'maximize' ? 100 - rule.percentile : rule.percentile);
  if (limit === null || !(goal === 'maximize' ? best < limit : best > limit)) return null;
  return `best value ${show(best)} is worse than ${label} ${show(limit)} of ${others.length} trials at point ${step}`;
}

/** One rung of successive halving is decided at each promotion step; values at rungs follow from the curves alone. */
function halving(
  rule: Pick<Rule<'asha'>, 'minResource' | 'reductionFactor'>,
  rate: number,
  trial: TrialCurve,
  trials: readonly TrialCurve[],
  goal: Goal,
): string | null {
  const step = trial.curve.length;
  const rung = rungAt(step, rule.minResource, rule.reductionFactor, rate);
  if (rung === null) return null;
  const value = trial.curve[step - 1] ?? null;
  if (value === null) return `the value at point ${step} is not a number`;
  const competing = trials
    .filter((other) => other.trial !== trial.trial)
    .flatMap((other) => (other.curve.length >= step ? (other.curve[step - 1] ?? []) : []));
  competing.push(value);
  competing.sort((a, b) => a - b);
  const index = Math.max(0, Math.floor(competing.length / rule.reductionFactor) - 1);
  const limit = goal === 'maximize' ? competing[competing.length - 1 - index] : competing[index];
  if (limit === undefined || (goal === 'maximize' ? value >= limit : value <= limit)) return null;
  return `value ${show(value)} at rung ${rung} (point ${step}) is not among the best 1/${rule.reductionFactor} of ${competing.length} trials, ${show(limit)} would be`;
}

/** Number of the rung that ends at this step; null between rungs. */
function rungAt(step: number, minResource: number, factor: number, rate: number): number | null {
  for (let rung = 0, end = minResource * factor ** rate; end <= step; rung++, end *= factor) if (end === step) return rung;
  return null;
}

function hyperband(rule: Rule<'hyperband'>, trial: TrialCurve, context: StoppingContext): string | null {
  const budgets = bracketBudgets(rule);
  const own = bracketOf(context.study, trial.trial, budgets);
  const reason = halving(
    rule,
    own,
    trial,
    context.trials.filter((other) => bracketOf(context.study, other.trial, budgets) === own),
    context.objective.goal,
  );
  return reason && `bracket ${own}: ${reason}`;
}

/** Share of trials of each bracket; the most aggressive one first. */
export function bracketBudgets(rule: Pick<Rule<'hyperband'>, 'minResource' | 'maxResource' | 'reductionFactor'>): number[] {
  const brackets = Math.floor(Math.log(rule.maxResource / rule.minResource) / Math.log(rule.reductionFactor)) + 1;
  return Array.from({ length: brackets }, (_, id) => {
    const s = brackets - 1 - id;
    return Math.ceil((brackets * rule.reductionFactor ** s) / (s + 1));
  });
}

export function bracketOf(study: string, trial: number, budgets: readonly number[]): number {
  let n = crc32(`${study}_${trial}`) % budgets.reduce((sum, budget) => sum + budget, 0);
  for (const [id, budget] of budgets.entries()) {
    n -= budget;
    if (n < 0) return id;
  }
  return budgets.length - 1;
}

/** With several objectives: no progress in any of them. */
function patience(rule: Rule<'patience'>, trial: TrialCurve, context: StoppingContext): string | null {
  const others =
    context.version === 1 ? [] : (context.also ?? []).map((objective) => ({ objective, curve: curveIn(trial, objective, context) }));
  const stands = [{ objective: context.objective, curve: trial.curve }, ...others].map(({ objective: { goal }, curve }) => {
    if (curve.length <= rule.steps) return null;
    const before = bestOf(curve.slice(0, -rule.steps), goal);
    const recent = bestOf(curve.slice(-rule.steps), goal);
    if (before === null) return null;
    const better = recent !== null && (goal === 'maximize' ? recent > before + rule.minDelta : recent < before - rule.minDelta);
    return better ? null : before;
  });
  const [first] = stands;
  if (first === undefined || first === null || stands.includes(null)) return null;
  return `no progress beyond ${show(first)} in ${rule.steps} points`;
}

/** The values of an objective at the trial's points. */
function curveIn(trial: TrialCurve, { metric }: Objective, { objective }: StoppingContext): Curve {
  return metric === objective.metric ? trial.curve : (trial.series[metric] ?? []);
}

/**
 * Whether another trial was, up to that point, at least as good in all objectives and better in one. With one objective the comparison is the rule's
 * own; with several a trial that no other one beats may be on the front, however poor its first objective is.
 */
function isBeaten(trial: TrialCurve, context: StoppingContext): boolean {
  const objectives = [context.objective, ...(context.also ?? [])];
  const step = trial.curve.length;
  const valuesOf = (one: TrialCurve): (number | null)[] =>
    objectives.map((objective) => bestOf(curveIn(one, objective, context).slice(0, step), objective.goal));
  const own = { trial: trial.trial, values: valuesOf(trial) };
  return context.trials.some(
    (other) =>
      other.trial !== trial.trial &&
      other.curve.length >= step &&
      dominates({ trial: other.trial, values: valuesOf(other) }, own, objectives),
  );
}

/** Against where it began: near its least, which may be almost nothing, a loss goes up and down by large factors. */
function divergence(rule: Rule<'divergence'>, trial: TrialCurve): string | null {
  const values = trial.series[rule.metric] ?? [];
  const last = values.at(-1);
  if (last === undefined) return null;
  if (last === null || !Number.isFinite(last)) return `${rule.metric} is not a number`;
  const first = values.find((value) => value !== null) ?? null;
  if (first === null || values.length < 2) return null;
  return last > Math.abs(first) * rule.explodesBy && last > first
    ? `${rule.metric} is ${show(last)}, more than ${rule.explodesBy} times what it began with, ${show(first)}`
    : null;
}

/** Only a validation that is worse than training is overfitting. */
function overfitting(rule: Rule<'overfitting'>, trial: TrialCurve, context: StoppingContext): string | null {
  const training = trial.series[rule.training] ?? [];
  const validation = trial.series[rule.validation] ?? [];
  if (validation.length < rule.steps || training.length !== validation.length) return null;
  const sign = directionOfRule(rule, rule.validation, context) === 'maximize' ? -1 : 1;
  const gaps = validation.slice(-rule.steps).map((value, i) => {
    const own = training[validation.length - rule.steps + i] ?? null;
    return value === null || own === null ? null : sign * (value - own);
  });
  return gaps.every((gap) => gap !== null && gap > rule.gap)
    ? `${rule.validation} is ${show(gaps.at(-1) ?? 0)} worse than ${rule.training}, more than ${rule.gap} for ${rule.steps} points`
    : null;
}

function underfitting(rule: Rule<'underfitting'>, trial: TrialCurve, context: StoppingContext): string | null {
  const values = rule.metric === context.objective.metric ? trial.curve : (trial.series[rule.metric] ?? []);
  if (values.length < rule.afterSteps) return null;
  const direction = directionOfRule(rule, rule.metric, context);
  const best = bestOf(values, direction);
  if (best !== null && !(direction === 'minimize' ? best > rule.worseThan : best < rule.worseThan)) return null;
  const shown = best === null ? 'is not a number' : `is ${show(best)}`;
  return `${rule.metric} ${shown} after ${values.length} points, worse than ${rule.worseThan}`;
}

/** Where nothing is said and the name says nothing, as the objective. */
function directionOfRule({ direction }: { readonly direction?: Goal | undefined }, metric: string, context: StoppingContext): Goal {
  return direction ?? directionOf(metric, [context.objective, ...(context.also ?? [])]) ?? context.objective.goal;
}

/** As zlib has it: Optuna places trials in brackets by it. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

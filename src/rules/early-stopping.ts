/**
 * When to stop a trial early. Pure functions of learning curves; each answer has its reason in words.
 * Steps are validation points, counted from 1. `null` in a curve is a value that is not a number.
 *
 * Median and percentile: Golovin et al., Google Vizier (KDD 2017). Successive halving: Li et al., ASHA (MLSys 2020).
 * Hyperband: Li et al. (JMLR 2018). These agree with Optuna's pruners, which test/unit/search compares on generated curves.
 */
import type { Objective, StoppingRule } from '../contract/search-space.ts';

export type Curve = readonly (number | null)[];
export type Goal = Objective['goal'];

/** What the rules see of a trial. */
export interface TrialCurve {
  readonly trial: number;
  readonly status: 'running' | 'complete' | 'stopped' | 'failed';
  readonly curve: Curve;
  readonly series: Readonly<Record<string, Curve>>;
  readonly seconds: number;
  readonly cost: number;
}

export interface StoppingContext {
  /** Name of the study: places trials in Hyperband's brackets. */
  readonly study: string;
  readonly objective: Objective;
  /** All trials of the search, the judged one among them. */
  readonly trials: readonly TrialCurve[];
}

type Rule<K extends StoppingRule['kind']> = Extract<StoppingRule, { kind: K }>;

/** Rules that look at curves and so at each new point; the others also bite between points. */
const BETWEEN_POINTS: readonly StoppingRule['kind'][] = ['wall-clock', 'cost'];

/** Reason to stop the trial now, by the first rule that has one; null to go on. */
export function stopReason(rules: readonly StoppingRule[], trial: TrialCurve, context: StoppingContext): string | null {
  for (const rule of rules) {
    const reason = judge(rule, trial, context);
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

/** Metrics besides the objective that the rules look at. */
export function metricsOfRules(rules: readonly StoppingRule[]): string[] {
  const names = rules.flatMap((rule) => {
    if (rule.kind === 'divergence' || rule.kind === 'underfitting') return [rule.metric];
    return rule.kind === 'overfitting' ? [rule.training, rule.validation] : [];
  });
  return [...new Set(names)];
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
      return patience(rule, trial, context.objective);
    case 'divergence':
      return divergence(rule, trial);
    case 'overfitting':
      return overfitting(rule, trial);
    case 'underfitting':
      return underfitting(rule, trial, context.objective);
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

function patience(rule: Rule<'patience'>, trial: TrialCurve, { goal }: Objective): string | null {
  const { curve } = trial;
  if (curve.length <= rule.steps) return null;
  const before = bestOf(curve.slice(0, -rule.steps), goal);
  const recent = bestOf(curve.slice(-rule.steps), goal);
  if (before === null) return null;
  const better = recent !== null && (goal === 'maximize' ? recent > before + rule.minDelta : recent < before - rule.minDelta);
  return better ? null : `no progress beyond ${show(before)} in ${rule.steps} points`;
}

function divergence(rule: Rule<'divergence'>, trial: TrialCurve): string | null {
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

function overfitting(rule: Rule<'overfitting'>, trial: TrialCurve): string | null {
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

function underfitting(rule: Rule<'underfitting'>, trial: TrialCurve, { goal, metric }: Objective): string | null {
  const values = rule.metric === metric ? trial.curve : (trial.series[rule.metric] ?? []);
  if (values.length < rule.afterSteps) return null;
  const best = bestOf(values, rule.metric.endsWith('loss') ? 'minimize' : goal);
  const worse = best === null || (rule.metric.endsWith('loss') || goal === 'minimize' ? best > rule.worseThan : best < rule.worseThan);
  return worse
    ? `${rule.metric} is ${best === null ? 'not a number' : show(best)} after ${values.length} points, worse than ${rule.worseThan}`
    : null;
}

/** Best number of a curve; null when there is none. */
export function bestOf(curve: Curve, goal: Goal): number | null {
  let best: number | null = null;
  for (const value of curve) if (value !== null && (best === null || (goal === 'maximize' ? value > best : value < best))) best = value;
  return best;
}

/** numpy.nanpercentile with linear interpolation, to the last bit. */
export function quantile(values: Curve, percent: number): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const position = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(position);
  const a = sorted[low] as number;
  const b = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  const t = position - low;
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

function show(value: number): string {
  return String(Number(value.toPrecision(5)));
}

export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Trials, attempts, curves and evaluations as charts take them: from rows of the ledger, or from a search that still runs. */
import type { AttemptVerdict } from '../../contract/jobs.ts';
import type { LedgerRow, LedgerValue } from '../../contract/ledger.ts';
import type { SearchState, TrialState, TrialStatus } from '../../contract/state.ts';
import type { Json } from '../../contract/values.ts';

export interface TrialView {
  readonly step: string;
  readonly trial: number;
  readonly status: TrialStatus;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly objective: number | null;
  /** Offline metrics carry the prefix `offline.`. */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly reason: string | null;
  readonly origin: string;
  readonly parent: number | null;
  readonly attempts: number;
  readonly pool: string | null;
  readonly cost: number;
  readonly onDemandCost: number;
  readonly lostCost: number;
  /** ms since 1970. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** That it had machines; null before its end. */
  readonly seconds: number | null;
  /** At a rung of its search's scheduler. */
  readonly held?: true;
}

export interface AttemptView {
  readonly step: string;
  readonly trial: number;
  readonly attempt: number;
  readonly pool: string;
  readonly spot: boolean;
  /** That Kueue chose; null while it runs, and where it chose none. */
  readonly flavor: string | null;
  /** null while it runs. */
  readonly verdict: AttemptVerdict | null;
  readonly cause: string | null;
  readonly startedAt: number;
  /** null while it runs. */
  readonly endedAt: number | null;
  readonly cost: number;
  readonly onDemandCost: number;
  readonly lostSamples: number;
}

/** One validation point. */
export interface CurvePoint {
  readonly step: string;
  readonly trial: number;
  readonly attempt: number;
  readonly epoch: number;
  readonly samples: number;
  readonly trainingStep: number;
  readonly metrics: Readonly<Record<string, number | null>>;
}

export const numberOf = (value: LedgerValue | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
export const textOf = (value: LedgerValue | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null);
export const timeOf = (value: LedgerValue | undefined): number | null => {
  const milliseconds = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(milliseconds) ? null : milliseconds;
};

/** A JSON column; what cannot be read counts as empty. */
export function objectOf(value: LedgerValue | undefined): Record<string, Json> {
  if (typeof value !== 'string' || value === '') return {};
  try {
    const parsed = JSON.parse(value) as Json;
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

/** A JSON column of metrics; what is no number is left out. */
export const metricValues = (value: LedgerValue | undefined): Record<string, number | null> =>
  Object.fromEntries(
    Object.entries(objectOf(value)).flatMap(([name, one]) => (typeof one === 'number' || one === null ? [[name, one] as const] : [])),
  );

function trialOfRow(row: LedgerRow<'trials'>): TrialView {
  return {
    step: textOf(row.step) ?? '',
    trial: Number(row.trial),
    status: (textOf(row.status) ?? 'succeeded') as TrialStatus,
    parameters: objectOf(row.parameters),
    objective: numberOf(row.objective),
    metrics: metricValues(row.metrics),
    reason: textOf(row.reason),
    origin: textOf(row.origin) ?? '',
    parent: numberOf(row.parent_trial),
    attempts: numberOf(row.attempts) ?? 0,
    pool: null,
    cost: numberOf(row.cost) ?? 0,
    onDemandCost: numberOf(row.on_demand_cost) ?? 0,
    lostCost: numberOf(row.lost_cost) ?? 0,
    startedAt: timeOf(row.started_at),
    endedAt: timeOf(row.ended_at),
    seconds: numberOf(row.seconds) ?? secondsBetween(timeOf(row.started_at), timeOf(row.ended_at)),
  };
}

const secondsBetween = (from: number | null, to: number | null): number | null =>
  from === null || to === null ? null : (to - from) / 1000;

export function trialOfState(step: string, state: TrialState): TrialView {
  const offline = Object.entries(state.offline).map(([name, value]) => [`offline.${name}`, value]);
  return {
    step,
    trial: state.trial,
    status: state.status,
    parameters: state.parameters,
    objective: state.objective,
    metrics: { ...state.metrics, ...(Object.fromEntries(offline) as Record<string, number | null>) },
    reason: state.reason,
    origin: state.origin,
    parent: state.parent,
    attempts: state.attempts,
    pool: state.pool,
    cost: state.cost,
    onDemandCost: state.onDemandCost,
    lostCost: state.lostCost,
    startedAt: state.startedAt,
    endedAt: state.endedAt,
    seconds: state.endedAt === null ? null : (state.trainedSeconds ?? secondsBetween(state.startedAt, state.endedAt)),
    ...(state.held ? { held: true } : {}),
  };
}

/** All trials of a step: what the live search says wins over what the ledger said before. */
export function trialsOf(rows: readonly LedgerRow<'trials'>[], step: string, search: SearchState | undefined): TrialView[] {
  const found = new Map(rows.filter((row) => row.step === step).map((row) => [Number(row.trial), trialOfRow(row)]));
  for (const state of search?.trials ?? []) found.set(state.trial, trialOfState(step, state));
  return [...found.values()].sort((a, b) => a.trial - b.trial);
}

/** The pool of an attempt, and what Kueue chose of it: prices differ by both. */
export const placeOf = ({ pool, flavor }: { readonly pool: string; readonly flavor: string | null }): string =>
  flavor === null ? pool : `${pool}: ${flavor}`;

/** Attempts that never ran (no capacity) took no time and are left out. */
export function attemptsOf(rows: readonly LedgerRow<'attempts'>[]): AttemptView[] {
  return rows.flatMap((row) => {
    const startedAt = timeOf(row.started_at);
    if (startedAt === null) return [];
    return [
      {
        step: textOf(row.step) ?? '',
        trial: Number(row.trial),
        attempt: Number(row.attempt),
        pool: textOf(row.pool) ?? '',
        spot: row.spot === true,
        flavor: textOf(row.flavor),
        verdict: textOf(row.verdict) as AttemptVerdict | null,
        cause: textOf(row.cause),
        startedAt,
        endedAt: timeOf(row.ended_at),
        cost: numberOf(row.cost) ?? 0,
        onDemandCost: numberOf(row.on_demand_cost) ?? 0,
        lostSamples: numberOf(row.lost_samples) ?? 0,
      },
    ];
  });
}

/** The attempts of running trials, which the ledger hears of at their end: from the end of the attempt before until now. */
export function runningAttempts(trials: readonly TrialView[], ended: readonly AttemptView[]): AttemptView[] {
  return trials.flatMap((trial) => {
    if (trial.status !== 'running' || trial.startedAt === null) return [];
    const mine = ended.filter((attempt) => attempt.step === trial.step && attempt.trial === trial.trial);
    if (mine.some((attempt) => attempt.attempt >= trial.attempts)) return [];
    const paid = mine.reduce((sum, attempt) => sum + attempt.cost, 0);
    return [
      {
        step: trial.step,
        trial: trial.trial,
        attempt: trial.attempts,
        pool: trial.pool ?? '',
        spot: false,
        flavor: null,
        verdict: null,
        cause: null,
        startedAt: Math.max(trial.startedAt, ...mine.map((attempt) => attempt.endedAt ?? 0)),
        endedAt: null,
        cost: Math.max(0, trial.cost - paid),
        onDemandCost: 0,
        lostSamples: 0,
      },
    ];
  });
}

/** Validation points in order; other records of progress carry no point of a curve. */
export function curvePointsOf(rows: readonly LedgerRow<'progress'>[]): CurvePoint[] {
  return rows
    .filter((row) => row.kind === 'validation')
    .sort((a, b) => Number(a.trial) - Number(b.trial) || Number(a.n) - Number(b.n))
    .map((row) => ({
      step: textOf(row.step) ?? '',
      trial: Number(row.trial),
      attempt: Number(row.attempt),
      epoch: numberOf(row.epoch) ?? 0,
      samples: numberOf(row.samples) ?? 0,
      trainingStep: numberOf(row.training_step) ?? 0,
      metrics: metricValues(row.metrics),
    }));
}

/** The best first; what has no value comes last. */
export function ranked(trials: readonly TrialView[], goal: 'maximize' | 'minimize'): TrialView[] {
  const sign = goal === 'maximize' ? -1 : 1;
  const key = (trial: TrialView): number => (trial.objective === null ? Number.POSITIVE_INFINITY : sign * trial.objective);
  return [...trials].sort((a, b) => key(a) - key(b) || a.trial - b.trial);
}

/** Value of a metric, a parameter or the objective by name; null where the trial has none. */
export function valueOf(trial: TrialView, name: string, objective?: string): number | null {
  if (name === objective || name === 'objective') return trial.objective;
  if (name === 'cost') return trial.cost;
  if (name === 'seconds') return trial.seconds;
  const value = trial.metrics[name] ?? trial.parameters[name];
  return typeof value === 'number' ? value : null;
}

/**
 * A recorded search played again under other rules: the same trials and curves, other decisions. Time is the recorded machine time of each
 * trial; places become free earlier when trials are stopped. Pure, apart from whoever says which trial is next. The rules are those that the
 * workflows run, hence the import: a second implementation would sooner or later decide otherwise.
 */
import type { Objective, StoppingRule } from '../../contract/search-space.ts';
import type { Json } from '../../contract/values.ts';
import { bestOf, metricsOfRules, stopReason, type TrialCurve } from '../../rules/early-stopping.ts';
import { GRACES } from '../../rules/durations.ts';
import type { Keeps } from './kept-constraints.ts';

/** A validation point: seconds and money that the trial had used by then. */
export interface RecordedPoint {
  readonly seconds: number;
  readonly cost: number;
  readonly value: number | null;
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Whether what was measured by then keeps to the constraints of the search. */
  readonly keeps?: Keeps;
}

export interface RecordedTrial {
  readonly trial: number;
  readonly status: 'succeeded' | 'stopped' | 'failed' | 'cancelled';
  readonly parameters: Readonly<Record<string, Json>>;
  readonly points: readonly RecordedPoint[];
  /** Of machines, all attempts together. */
  readonly seconds: number;
  readonly cost: number;
  /** Value of the objective at its end. */
  readonly objective: number | null;
  /** Values of all objectives at its end. */
  readonly values: readonly (number | null)[];
  /** At its end. */
  readonly keeps?: Keeps;
  /** ms since 1970. */
  readonly endedAt: number;
}

export interface RecordedSearch {
  /** Workflow id: places trials in Hyperband's brackets. */
  readonly study: string;
  readonly objective: Objective;
  /** Trials at once. */
  readonly parallel: number;
  /** In the order in which they were started. */
  readonly trials: readonly RecordedTrial[];
}

export interface ReplayedTrial {
  readonly trial: number;
  readonly status: RecordedTrial['status'];
  /** Why the rules stopped it; null where it ended as recorded. */
  readonly reason: string | null;
  /** Validation points it got to. */
  readonly points: number;
  /** Value of the objective at the last of them. */
  readonly lastValue: number | null;
  readonly seconds: number;
  readonly cost: number;
  readonly objective: number | null;
  readonly values: readonly (number | null)[];
  /** One that does not keep to all constraints cannot be the best. */
  readonly keeps?: Keeps;
  /** Seconds since the search began. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The next trial to run; null: there is none. It hears of all ends so far, in their order. */
export type NextTrial = (ended: readonly ReplayedTrial[], running: readonly RecordedTrial[]) => Promise<RecordedTrial | null>;

export { metricsOfRules };

interface Playing {
  readonly recorded: RecordedTrial;
  readonly startedAt: number;
  readonly seen: { -readonly [K in keyof TrialCurve]: TrialCurve[K] } & { curve: (number | null)[] };
  readonly series: Record<string, (number | null)[]>;
  /** Where a rule of time or money bites between points. */
  readonly limitSeconds: number;
  limitSeen: boolean;
}

/** @returns the trials in the order of their ends */
export async function replay(search: RecordedSearch, rules: readonly StoppingRule[], next: NextTrial): Promise<ReplayedTrial[]> {
  const ended: ReplayedTrial[] = [];
  const playing: Playing[] = [];
  const curves: TrialCurve[] = [];
  let now = 0;
  let more = true;
  for (;;) {
    while (more && playing.length < search.parallel) {
      const recorded = await next(
        ended,
        playing.map((one) => one.recorded),
      );
      if (recorded === null) more = false;
      else {
        const started = startOf(recorded, now, rules);
        playing.push(started);
        curves.push(started.seen);
      }
    }
    const first = earliest(playing);
    if (first === null) return ended;
    now = Math.max(now, timeOf(first));
    const end = stepOn(first, rules, { study: search.study, objective: search.objective, trials: curves });
    if (end === null) continue;
    playing.splice(playing.indexOf(first), 1);
    ended.push({ ...end, startedAt: first.startedAt, endedAt: now });
  }
}

/** The trials one after the other as they were started when recorded. */
export function inRecordedOrder(trials: readonly RecordedTrial[]): NextTrial {
  const left = trials.values();
  return () => Promise.resolve(left.next().value ?? null);
}

function startOf(recorded: RecordedTrial, startedAt: number, rules: readonly StoppingRule[]): Playing {
  const series: Record<string, (number | null)[]> = {};
  return {
    recorded,
    startedAt,
    series,
    seen: { trial: recorded.trial, status: 'running', curve: [], series, seconds: 0, cost: 0 },
    limitSeconds: limitOf(recorded, rules),
    limitSeen: false,
  };
}

/** Earliest moment at which the trial has used more than a rule of time or money allows. */
function limitOf(recorded: RecordedTrial, rules: readonly StoppingRule[]): number {
  const limits = rules.map((rule) => {
    if (rule.kind === 'wall-clock') return rule.seconds;
    return rule.kind === 'cost' ? secondsAtCost(recorded, rule.amount) : Number.POSITIVE_INFINITY;
  });
  return Math.min(...limits, Number.POSITIVE_INFINITY) + GRACES.replayedLookSeconds;
}

const nextPoint = ({ recorded, seen }: Playing): RecordedPoint | undefined => recorded.points[seen.curve.length];

/** When something happens to the trial next: a point, a limit or its end. */
function secondsOf(trial: Playing): number {
  const ahead = nextPoint(trial)?.seconds ?? trial.recorded.seconds;
  return trial.limitSeen ? ahead : Math.min(ahead, trial.limitSeconds);
}

const timeOf = (trial: Playing): number => trial.startedAt + secondsOf(trial);

/** Of what happens at the same moment, the trial that was started first. */
function earliest(playing: readonly Playing[]): Playing | null {
  let first: Playing | null = null;
  for (const one of playing) if (first === null || timeOf(one) < timeOf(first)) first = one;
  return first;
}

/** Takes the trial one event further; answers with its end, if this was it. */
function stepOn(
  trial: Playing,
  rules: readonly StoppingRule[],
  context: Parameters<typeof stopReason>[2],
): Omit<ReplayedTrial, 'startedAt' | 'endedAt'> | null {
  const { seen, recorded, series } = trial;
  const seconds = secondsOf(trial);
  const point = nextPoint(trial);
  const atPoint = point !== undefined && seconds === point.seconds;
  if (!atPoint && seconds >= recorded.seconds) return asRecorded(trial);
  seen.seconds = seconds;
  seen.cost = costAt(recorded, seconds);
  if (seconds >= trial.limitSeconds) trial.limitSeen = true;
  if (atPoint) {
    seen.curve.push(point.value);
    for (const [name, value] of Object.entries(point.metrics)) (series[name] ??= []).push(value);
  }
  const judged = atPoint ? rules : rules.filter(({ kind }) => kind === 'wall-clock' || kind === 'cost');
  const reason = stopReason(judged, seen, context);
  return reason === null ? null : stopped(trial, reason, context.objective);
}

function asRecorded({ recorded, seen }: Playing): Omit<ReplayedTrial, 'startedAt' | 'endedAt'> {
  const { trial, status, seconds, cost, objective, values, keeps } = recorded;
  seen.status = status === 'succeeded' ? 'complete' : status === 'stopped' ? 'stopped' : 'failed';
  const { length } = seen.curve;
  const lastValue = seen.curve.at(-1) ?? null;
  return { trial, status, reason: null, points: length, lastValue, seconds, cost, objective, values, ...(keeps && { keeps }) };
}

function stopped({ recorded, seen }: Playing, reason: string, { goal }: Objective): Omit<ReplayedTrial, 'startedAt' | 'endedAt'> {
  seen.status = 'stopped';
  const objective = bestOf(seen.curve, goal);
  const keeps = recorded.points[seen.curve.length - 1]?.keeps ?? (recorded.keeps && 'unknown');
  return {
    trial: recorded.trial,
    status: 'stopped',
    reason,
    points: seen.curve.length,
    lastValue: seen.curve.at(-1) ?? null,
    seconds: seen.seconds,
    cost: seen.cost,
    objective,
    // What else it would have had by then is not told to a sampler: it knows by the state that the trial was cut short.
    values: recorded.values.map((_, i) => (i === 0 ? objective : null)),
    ...(keeps && { keeps }),
  };
}

/** Money is spent evenly between two points. */
function costAt(recorded: RecordedTrial, seconds: number): number {
  let before = { seconds: 0, cost: 0 };
  for (const point of [...recorded.points, recorded]) {
    if (point.seconds >= seconds) return before.cost + (point.cost - before.cost) * share(seconds, before.seconds, point.seconds);
    before = point;
  }
  return recorded.cost;
}

function secondsAtCost(recorded: RecordedTrial, cost: number): number {
  if (recorded.cost <= cost) return Number.POSITIVE_INFINITY;
  let before = { seconds: 0, cost: 0 };
  for (const point of [...recorded.points, recorded]) {
    if (point.cost > cost) return before.seconds + (point.seconds - before.seconds) * share(cost, before.cost, point.cost);
    before = point;
  }
  return Number.POSITIVE_INFINITY;
}

const share = (at: number, from: number, to: number): number => (to > from ? (at - from) / (to - from) : 1);

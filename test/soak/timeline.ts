/** What happens in the days of a soak, and when: a pure function of a seed, and of the traces of spot machines where there are some. */
import { random, type Random } from '../support/random.ts';
import type { WorldKind } from '../chaos/faults.ts';
import { HOURS_PER_DAY, WEEKEND_HOURS } from './scale.ts';

export const TRIALS = 5;

/** What happens, and for how many played hours it lasts where it lasts. */
const EVENTS = {
  preempt: 'SIGTERM to a trainer, as the machine that goes away sends it; by a trace where one is given',
  kill: '`kill -9` of a trainer',
  deploy: 'every day: SIGTERM to each worker, one after another',
  'restart-temporal': '`kill -9` of the Temporal server',
  'night-without-workers': 'all workers are stopped in the evening and started in the morning',
  sleep: 'the laptop is closed: workers, server and trainers stand still',
  'store-outage': 'ten minutes in which nothing can be written to store and warehouse: a full disk, or an emulator that answers 503',
  clock: 'the clock of a worker is hours off for one',
  gc: 'every night: `longhaul gc` of what is older than that night',
  weekend: 'a person pauses the run for two days',
  'restart-kubernetes': 'the API server is upgraded: it is killed and started again',
  'expire-tokens': 'every hour of a night: the API server answers 401 until a token is read anew',
  'evict-pod': 'the machine of a pod goes, by the Eviction API',
} as const;
export type EventKind = keyof typeof EVENTS;

export interface SoakEvent {
  readonly kind: EventKind;
  /** Played hours after the search has begun. */
  readonly hour: number;
  readonly hours?: number;
  readonly trial?: number;
}

interface TimelineOptions {
  readonly seed: number;
  readonly days: number;
  readonly world: WorldKind;
  /** Of each trial: the hours at which its machine goes. */
  readonly preemptions?: readonly (readonly number[])[];
}

const MEAN_HOURS_BETWEEN_PREEMPTIONS = 20;
/** Starts are not compressed: a machine that goes again while its trainer begins would let nothing be trained, which no trace means. */
const HOURS_BETWEEN_LOSSES = 5;
const OUTAGE_HOURS = 1 / 6;
const NIGHT_BEGINS = 22;
const NIGHT_HOURS = 8;
const GC_HOUR = 2;

export function timelineOf({ seed, days, world, preemptions }: TimelineOptions): SoakEvent[] {
  const draw = random(seed);
  const length = days * HOURS_PER_DAY;
  const somewhere = (): number => draw.between(0, length);
  const times = (number: number): number[] => Array.from({ length: Math.round(number) }, somewhere);
  const everyDay = Array.from({ length: days }, (_, day) => day * HOURS_PER_DAY);
  const machineGoes = world === 'cloud' ? 'evict-pod' : 'preempt';
  const drawn = Array.from({ length: TRIALS }, (_, trial) => apart(preemptions?.[trial] ?? poisson(draw, length)));
  const night = draw.integer(0, days - 1) * HOURS_PER_DAY + NIGHT_BEGINS;
  const events: SoakEvent[] = [
    ...drawn.flatMap((hours, trial) =>
      hours.filter((hour) => hour < length).map((hour): SoakEvent => ({ kind: machineGoes, hour, trial })),
    ),
    ...times(days / 2).map((hour): SoakEvent => ({ kind: 'kill', hour, trial: draw.integer(0, TRIALS - 1) })),
    ...everyDay.map((day): SoakEvent => ({ kind: 'deploy', hour: day + draw.between(8, 18) })),
    ...everyDay.map((day): SoakEvent => ({ kind: 'gc', hour: day + GC_HOUR })),
    ...times(Math.max(1, days / 2)).map((hour): SoakEvent => ({ kind: 'store-outage', hour, hours: OUTAGE_HOURS })),
    ...times(Math.max(1, days / 5)).map((hour): SoakEvent => ({ kind: 'restart-temporal', hour })),
    ...times(days / 5).map((hour): SoakEvent => ({ kind: 'clock', hour, hours: 1 })),
    { kind: 'night-without-workers', hour: night, hours: NIGHT_HOURS },
    ...(world === 'cloud'
      ? cloudEvents(draw, days, times)
      : [{ kind: 'sleep', hour: somewhere(), hours: draw.between(1, NIGHT_HOURS) } as const]),
  ];
  return withWeekend(events, days).sort((a, b) => a.hour - b.hour);
}

function cloudEvents(draw: Random, days: number, times: (number: number) => number[]): SoakEvent[] {
  const night = draw.integer(0, days - 1) * HOURS_PER_DAY;
  return [
    ...times(Math.max(1, days / 2)).map((hour): SoakEvent => ({ kind: 'restart-kubernetes', hour })),
    ...Array.from({ length: NIGHT_HOURS }, (_, hour): SoakEvent => ({ kind: 'expire-tokens', hour: night + hour })),
  ];
}

/** What comes after the last working day's evening comes two days later. */
function withWeekend(events: readonly SoakEvent[], days: number): SoakEvent[] {
  if (days < 5) return [...events];
  const begins = (days - 1) * HOURS_PER_DAY;
  const later = events.map((event) => (event.hour < begins ? event : { ...event, hour: event.hour + WEEKEND_HOURS }));
  return [...later, { kind: 'weekend', hour: begins, hours: WEEKEND_HOURS }];
}

/** Of hours in order, those that come long enough after the one before. */
function apart(hours: readonly number[]): number[] {
  const kept: number[] = [];
  for (const hour of hours) if (hour - (kept.at(-1) ?? Number.NEGATIVE_INFINITY) >= HOURS_BETWEEN_LOSSES) kept.push(hour);
  return kept;
}

function poisson(draw: Random, length: number): number[] {
  const hours: number[] = [];
  for (let hour = 0; ; hours.push(hour)) {
    hour += -Math.log(1 - draw.next()) * MEAN_HOURS_BETWEEN_PREEMPTIONS;
    if (hour >= length) return hours;
  }
}

/** @example describeTimeline([{ kind: 'gc', hour: 26 }]) === 'gc@26.0' */
export const describeTimeline = (events: readonly SoakEvent[]): string =>
  events.map(({ kind, hour, trial }) => `${kind}${trial === undefined ? '' : `:${trial}`}@${hour.toFixed(1)}`).join(' ');

/**
 * When a zone has spot machines to give: alternating runs of "there are some" and "there are none", drawn from two mixed exponentials.
 *
 * What is published, and taken from there:
 * - Wu et al., "Can't Be Late" (NSDI '24), §2.2, §2.4 and §6: outages last from minutes to days; two thirds and more of the two-month traces
 *   are available for over half of the time, half of the two-week traces for less ("low"); availability falls from all to nothing within hours;
 *   over 94 % of the time either all machines of a cluster of up to 16 are to be had or none, so all trials of a sweep share a trace here.
 * - github.com/skypilot-org/spot-traces at b266313, preemption/1-node, the first 16,000 characters of three files:
 *   aws-04-22-2023/us-east-1f_v100_1 has 11 outages in 47 hours, us-west-2b_v100_1 10 in 47 hours, each of a few minutes to two hours,
 *   gcp-04-30-2023/us-central1-c_c3-88 none in 44 hours.
 */
import { random, type Random } from '../../test/support/random.ts';

/** Availability changes at these moments only: a third of the time that a new machine needs. */
export const TICK_SECONDS = 240;

/** Means of a mixture of short and long runs, in hours; `long` is the share of long ones. */
interface Runs {
  readonly shortHours: number;
  readonly longHours: number;
  readonly long: number;
}

export interface Regime {
  readonly name: string;
  readonly like: string;
  readonly up: Runs;
  readonly down: Runs;
}

export const REGIMES: readonly Regime[] = [
  {
    name: 'calm',
    like: 'no preemption in two days: GCP c3-88',
    up: { shortHours: 24, longHours: 72, long: 0.5 },
    down: { shortHours: 0.2, longHours: 1, long: 0.5 },
  },
  {
    name: 'frequent',
    like: 'an outage every 4.5 hours: AWS V100, preemption traces',
    up: { shortHours: 1.5, longHours: 8, long: 0.4 },
    down: { shortHours: 0.25, longHours: 1.2, long: 0.3 },
  },
  {
    name: 'high',
    like: 'available for over half of the time, outages of hours',
    up: { shortHours: 2, longHours: 16, long: 0.4 },
    down: { shortHours: 0.5, longHours: 6, long: 0.4 },
  },
  {
    name: 'low',
    like: 'available for under half of the time',
    up: { shortHours: 1, longHours: 8, long: 0.4 },
    down: { shortHours: 1, longHours: 16, long: 0.4 },
  },
  {
    name: 'scarce',
    like: 'hardly ever available, outages of days',
    up: { shortHours: 0.5, longHours: 4, long: 0.4 },
    down: { shortHours: 2, longHours: 36, long: 0.4 },
  },
];

const mean = ({ shortHours, longHours, long }: Runs): number => shortHours * (1 - long) + longHours * long;

/** Share of time in which a regime has machines, in the long run. */
export const availabilityOf = ({ up, down }: Regime): number => mean(up) / (mean(up) + mean(down));

/** One flag a tick; it begins anywhere in the life of the zone. */
export function traceOf(regime: Regime, ticks: number, seed: number): Uint8Array {
  const draw = random(seed);
  const trace = new Uint8Array(ticks);
  let isUp = draw.next() < availabilityOf(regime);
  for (let at = 0; at < ticks; isUp = !isUp) {
    const length = Math.max(1, Math.round((runHours(isUp ? regime.up : regime.down, draw) * 3600) / TICK_SECONDS));
    if (isUp) trace.fill(1, at, at + length);
    at += length;
  }
  return trace;
}

function runHours({ shortHours, longHours, long }: Runs, draw: Random): number {
  return -Math.log(1 - draw.next()) * (draw.next() < long ? longHours : shortHours);
}

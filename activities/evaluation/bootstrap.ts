/**
 * Confidence intervals by the percentile bootstrap (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979) over blocks of independent units:
 * sessions, or the clusters (households, users) that sessions belong to.
 *
 * The warehouse hashes units into 1,999 buckets and sums each metric by bucket; buckets are drawn with replacement here. That costs the
 * same for a thousand units and for a hundred million, a bucket being as good an independent observation as a unit; with 1,999 of them the
 * width of an interval is known to about 1.6 % (1/√(2n)). All scorers are judged by the same draws, which makes differences paired. Few units
 * make percentile intervals too narrow; they are expanded as Hesterberg ("What Teachers Should Know About the Bootstrap", 2015) has it, on a
 * scale that keeps them among the values that the metric can have (ranges.ts). Where all draws are the same, at an end of these values, the interval is an
 * exact one (unseen.ts).
 */
import { setImmediate } from 'node:timers/promises';
import { normalQuantile, studentQuantile } from '../../src/rules/distributions.ts';
import { MIN_UNITS } from '../../src/rules/significance.ts';
import { ANY, differenceRange, drawnInside, expanded, isAtEnd, NOISE, widened } from './ranges.ts';
import type { Range } from './ranges.ts';
import { effectiveUnits, pairsUnseen, shareUnseen } from './unseen.ts';

/** What becomes of the quotient: its root, one less it, a distance that its draws may have on either side of zero, or the metric to first order around its value. */
export type Shape = 'root' | 'complement' | 'distance' | 'first order';

/** Sums over the units of each bucket, of one scorer and one segment's value. */
export interface Series {
  readonly bucket: readonly number[];
  readonly sessions: readonly number[];
  /** Metric → sums, beside `bucket`; the metric is their total divided by that of `sessions`, or of its own divisor. */
  readonly sums: Readonly<Record<string, readonly number[]>>;
  readonly divisors?: Readonly<Record<string, readonly number[]>>;
  readonly shapes?: Readonly<Record<string, Shape>>;
  /** Values that the metrics can have; of those that are missing any. */
  readonly ranges?: Readonly<Record<string, Range>>;
  /** Of metrics that compare each of one class with each of another: weights of both classes, beside `bucket`. */
  readonly pairs?: Readonly<Record<string, readonly [positives: readonly number[], negatives: readonly number[]]>>;
  /** Independent units, where they are not the sessions. */
  readonly units?: number;
}

export interface Interval {
  readonly value: number;
  /** null where there are too few units to tell; where no draw differed, and nothing is known of what may be otherwise, both are the value. */
  readonly low: number | null;
  readonly high: number | null;
}

/** An interval, and the standard error of the value. */
export interface Estimated extends Interval {
  readonly error: number | null;
}

interface BootstrapOptions {
  readonly samples: number;
  readonly seed: number;
  /** Between 0 and 1. */
  readonly confidence: number;
}

/** Means of every series in every draw; metrics in the order of the series' own. */
export interface Draws {
  /** @throws RangeError when there is no such series or metric. */
  mean(series: number, metric: string): Estimated;
  /** The first less the second, by draws that have both. */
  difference(first: number, second: number, metric: string): Estimated;
}

/** Lets heartbeats and cancellation through. */
const DRAWS_AT_ONCE = 20;

export async function bootstrap(series: readonly Series[], options: BootstrapOptions, signal?: AbortSignal): Promise<Draws> {
  const places = new Map(
    [...new Set(series.flatMap(({ bucket }) => bucket))].sort((a, b) => a - b).map((bucket, place) => [bucket, place]),
  );
  const prepared = series.map((one) => prepare(one, places, options));
  const random = xoshiro128(options.seed);
  const times = new Uint32Array(places.size);
  for (let draw = 0; draw < options.samples; draw++) {
    if (draw % DRAWS_AT_ONCE === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    times.fill(0);
    for (let i = 0; i < times.length; i++) {
      const place = Math.floor(random() * times.length);
      times[place] = (times[place] ?? 0) + 1;
    }
    for (const one of prepared) drawMeans(one, times, draw);
  }
  const find = (
    index: number,
    metric: string,
  ): Pick<PreparedMetric, 'value' | 'draws' | 'range' | 'kind' | 'unseen'> & Pick<Prepared, 'units' | 'blocks'> => {
    const found = prepared[index]?.metrics.get(metric);
    if (!found) throw new RangeError(`series ${index} has no metric ${metric}`);
    return { ...found, units: prepared[index]?.units ?? 0, blocks: prepared[index]?.blocks ?? 0 };
  };
  return {
    mean(index, metric) {
      const { value, draws, range, units, blocks, kind, unseen } = find(index, metric);
      if (units < MIN_UNITS) return { value, ...UNKNOWN };
      const known = {
        ...{ confidence: options.confidence, blocks, range: kind === 'distance' ? bothSides(range) : range },
        // Elsewhere all draws are equal where the metric cannot vary: the AUC of a score that is the same for all.
        unseen: isAtEnd(value, range) ? unseen : null,
      };
      const found = interval(value, draws, known);
      return { value, ...(kind === 'distance' ? folded(found) : found) };
    },
    difference(first, second, metric) {
      const [a, b] = [find(first, metric), find(second, metric)];
      const value = a.value - b.value;
      const draws = a.draws.map((mean, draw) => mean - (b.draws[draw] ?? Number.NaN));
      const few = Math.min(a.units, b.units) < MIN_UNITS;
      const known = {
        ...{ confidence: options.confidence, blocks: Math.min(a.blocks, b.blocks), range: differenceRange(a.range) },
        // Models that are alike elsewhere mostly are one model.
        unseen: isAtEnd(a.value, a.range) || isAtEnd(b.value, b.range) ? unseenOfBoth(a, b) : null,
      };
      return { value, ...(few ? UNKNOWN : interval(value, draws, known)) };
    },
  };
}

interface Prepared {
  readonly places: Int32Array;
  /** How often each bucket is in the draw at hand. */
  readonly weights: Float64Array;
  readonly sessions: Float64Array;
  readonly units: number;
  /** Units that share a bucket vary as one. */
  readonly blocks: number;
  readonly metrics: ReadonlyMap<string, PreparedMetric>;
}

interface PreparedMetric {
  readonly sums: Float64Array;
  /** Of its own; else the sessions. */
  readonly divisors: Float64Array | null;
  readonly kind: Shape | 'plain';
  readonly shape: (quotient: number) => number;
  readonly range: Range;
  /** The share that may be otherwise where no unit differed; null: nobody knows. */
  readonly unseen: number | null;
  readonly value: number;
  readonly draws: Float64Array;
}

const SHAPES = {
  plain: (quotient: number) => quotient,
  root: Math.sqrt,
  complement: (quotient: number) => 1 - quotient,
  distance: (quotient: number) => quotient,
  'first order': (quotient: number) => quotient,
} as const;

function prepare(series: Series, places: ReadonlyMap<number, number>, { samples, confidence }: BootstrapOptions): Prepared {
  const total = sum(series.sessions);
  const units = series.units ?? total;
  return {
    units,
    blocks: Math.min(units, series.bucket.length),
    weights: new Float64Array(series.bucket.length),
    places: Int32Array.from(series.bucket, (bucket) => places.get(bucket) ?? 0),
    sessions: Float64Array.from(series.sessions),
    metrics: new Map(
      Object.entries(series.sums).map(([name, sums]) => {
        const own = series.divisors?.[name];
        const kind = series.shapes?.[name] ?? 'plain';
        const range = series.ranges?.[name] ?? ANY;
        const plain = SHAPES[kind];
        const value = plain(sum(sums) / (own ? sum(own) : total));
        const shape = kind === 'first order' ? (quotient: number) => drawnInside(value, quotient, range) : plain;
        const divisors = own ? Float64Array.from(own) : null;
        const unseen = unseenOf(series, name, units, confidence);
        return [name, { sums: Float64Array.from(sums), divisors, kind, shape, range, unseen, value, draws: new Float64Array(samples) }];
      }),
    ),
  };
}

function unseenOf(series: Series, metric: string, units: number, confidence: number): number | null {
  const pairs = series.pairs?.[metric];
  if (pairs) return pairsUnseen(effectiveUnits(pairs[0], units), effectiveUnits(pairs[1], units), confidence);
  // Its summands are no values of units.
  if (series.shapes?.[metric] === 'first order') return null;
  return shareUnseen(effectiveUnits(series.divisors?.[metric] ?? series.sessions, units), confidence);
}

const unseenOfBoth = (a: Pick<PreparedMetric, 'unseen'>, b: Pick<PreparedMetric, 'unseen'>): number | null =>
  a.unseen === null || b.unseen === null ? null : Math.max(a.unseen, b.unseen);

function drawMeans({ places, weights, sessions, metrics }: Prepared, times: Uint32Array, draw: number): void {
  for (let i = 0; i < places.length; i++) weights[i] = times[places[i] ?? 0] ?? 0;
  const total = dot(weights, sessions);
  // A draw without a session of a rare segment says nothing of it, and one bucket varies with nothing.
  const silent = total === 0 || sessions.length < 2;
  for (const { sums, divisors, shape, draws } of metrics.values())
    draws[draw] = silent ? Number.NaN : shape(dot(weights, sums) / (divisors ? dot(weights, divisors) : total));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] ?? 0) * (b[i] ?? 0);
  return total;
}

/** Fewer draws than this share of all: the segment is too rare for an interval. */
const DRAWS_NEEDED = 0.9;

const UNKNOWN: Omit<Estimated, 'value'> = { low: null, high: null, error: null };

interface Known {
  readonly confidence: number;
  readonly blocks: number;
  readonly range: Range;
  readonly unseen: number | null;
}

function interval(value: number, draws: Float64Array, { confidence, blocks, range, unseen }: Known): Omit<Estimated, 'value'> {
  const known = draws.filter((mean) => Number.isFinite(mean)).sort();
  if (blocks < 2 || known.length === 0 || known.length < draws.length * DRAWS_NEEDED) return UNKNOWN;
  if (quantile(known, 1) - quantile(known, 0) <= NOISE * Math.max(1, Math.abs(value))) return undrawn(value, range, unseen, confidence);
  const wider =
    Math.sqrt(blocks / (blocks - 1)) * (studentQuantile((1 + confidence) / 2, blocks - 1) / normalQuantile((1 + confidence) / 2));
  const bound = (share: number): number => expanded(value, quantile(known, share), wider, range);
  return {
    low: bound((1 - confidence) / 2),
    high: bound((1 + confidence) / 2),
    error: deviation(known) * Math.sqrt(blocks / (blocks - 1)),
  };
}

/** No draw differed. The error is that of a normal distribution whose interval is as wide. */
function undrawn(value: number, range: Range, unseen: number | null, confidence: number): Omit<Estimated, 'value'> {
  if (unseen === null || !range.every(Number.isFinite)) return { low: value, high: value, error: 0 };
  const [low, high] = widened(value, unseen, range);
  return { low, high, error: Math.max(value - low, high - value) / normalQuantile((1 + confidence) / 2) };
}

const bothSides = ([, most]: Range): Range => [-most, most];

/** The distances from zero of all that an interval holds. */
function folded({ low, high, error }: Omit<Estimated, 'value'>): Omit<Estimated, 'value'> {
  return low === null || high === null || low >= 0 ? { low, high, error } : { low: 0, high: Math.max(high, -low), error };
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((total, each) => total + each, 0) / values.length;
  return Math.sqrt(values.reduce((total, each) => total + (each - mean) ** 2, 0) / Math.max(1, values.length - 1));
}

/** Linear between neighbours, as numpy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Numbers in [0, 1): xoshiro128** (Blackman & Vigna, 2018), its state filled by SplitMix32. */
export function xoshiro128(seed: number): () => number {
  let mix = seed >>> 0;
  const next = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result / 2 ** 32;
  };
}

/**
 * Confidence intervals by the percentile bootstrap (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979) over blocks of sessions.
 *
 * The warehouse hashes sessions into 1,999 buckets and sums each metric by bucket; buckets are drawn with replacement here. That costs the
 * same for a thousand sessions and for a hundred million, a bucket being as good an independent observation as a session; with 1,999 of them the
 * width of an interval is known to about 1.6 % (1/√(2n)). All scorers are judged by the same draws, which makes differences paired.
 */
import { setImmediate } from 'node:timers/promises';

/** Sums over the sessions of each bucket, of one scorer and one segment's value. */
export interface Series {
  readonly bucket: readonly number[];
  readonly sessions: readonly number[];
  /** Metric → sums, beside `bucket`. */
  readonly sums: Readonly<Record<string, readonly number[]>>;
}

export interface Interval {
  readonly value: number;
  /** null where there are too few sessions to tell. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface BootstrapOptions {
  readonly samples: number;
  readonly seed: number;
  /** Between 0 and 1. */
  readonly confidence: number;
}

/** Means of every series in every draw; metrics in the order of the series' own. */
export interface Draws {
  /** @throws RangeError when there is no such series or metric. */
  mean(series: number, metric: string): Interval;
  /** The first less the second, by draws that have both. */
  difference(first: number, second: number, metric: string): Interval;
}

/** Lets heartbeats and cancellation through. */
const DRAWS_AT_ONCE = 20;

export async function bootstrap(series: readonly Series[], options: BootstrapOptions, signal?: AbortSignal): Promise<Draws> {
  const places = new Map(
    [...new Set(series.flatMap(({ bucket }) => bucket))].sort((a, b) => a - b).map((bucket, place) => [bucket, place]),
  );
  const prepared = series.map((one) => prepare(one, places, options.samples));
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
  const find = (index: number, metric: string): { readonly value: number; readonly draws: Float64Array } => {
    const found = prepared[index]?.metrics.get(metric);
    if (!found) throw new RangeError(`series ${index} has no metric ${metric}`);
    return found;
  };
  return {
    mean(index, metric) {
      const { value, draws } = find(index, metric);
      return { value, ...interval(draws, options.confidence) };
    },
    difference(first, second, metric) {
      const [a, b] = [find(first, metric), find(second, metric)];
      return {
        value: a.value - b.value,
        ...interval(
          a.draws.map((mean, draw) => mean - (b.draws[draw] ?? Number.NaN)),
          options.confidence,
        ),
      };
    },
  };
}

interface Prepared {
  readonly places: Int32Array;
  readonly sessions: Float64Array;
  readonly metrics: ReadonlyMap<string, { readonly sums: Float64Array; readonly value: number; readonly draws: Float64Array }>;
}

function prepare(series: Series, places: ReadonlyMap<number, number>, samples: number): Prepared {
  const total = sum(series.sessions);
  return {
    places: Int32Array.from(series.bucket, (bucket) => places.get(bucket) ?? 0),
    sessions: Float64Array.from(series.sessions),
    metrics: new Map(
      Object.entries(series.sums).map(([name, sums]) => [
        name,
        { sums: Float64Array.from(sums), value: sum(sums) / total, draws: new Float64Array(samples) },
      ]),
    ),
  };
}

function drawMeans({ places, sessions, metrics }: Prepared, times: Uint32Array, draw: number): void {
  const weights = Float64Array.from(places, (place) => times[place] ?? 0);
  const total = dot(weights, sessions);
  // A draw without a session of a rare segment says nothing of it, and one bucket varies with nothing.
  const silent = total === 0 || sessions.length < 2;
  for (const { sums, draws } of metrics.values()) draws[draw] = silent ? Number.NaN : dot(weights, sums) / total;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] ?? 0) * (b[i] ?? 0);
  return total;
}

/** Fewer draws than this share of all: the segment is too rare for an interval. */
const DRAWS_NEEDED = 0.9;

function interval(draws: Float64Array, confidence: number): { readonly low: number | null; readonly high: number | null } {
  const known = draws.filter((mean) => !Number.isNaN(mean)).sort();
  if (known.length === 0 || known.length < draws.length * DRAWS_NEEDED) return { low: null, high: null };
  return { low: quantile(known, (1 - confidence) / 2), high: quantile(known, (1 + confidence) / 2) };
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

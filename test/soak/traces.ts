/** Public traces of spot machines (`{"metadata": {"gap_seconds": g}, "data": [n, …]}`): the hours at which a machine that was there is gone. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { random } from '../support/random.ts';

interface Trace {
  readonly metadata: { readonly gap_seconds: number };
  readonly data: readonly number[];
}

const SECONDS_PER_HOUR = 3600;

/** Of each trial: hours of the preemptions in `length` hours of some trace, from a place in it that the seed decides. */
export function preemptionsOf(folder: string, seed: number, trials: number, length: number): number[][] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort();
  if (files.length === 0) throw new Error(`expected files NAME.json of spot traces in it, found none`);
  const draw = random(seed + 0x20000);
  return Array.from({ length: trials }, () => {
    const trace = JSON.parse(readFileSync(join(folder, draw.pick(files)), 'utf8')) as Trace;
    return lossesIn(trace, draw.next(), length);
  });
}

/** @param place from 0 to 1: where in the trace the hours begin */
export function lossesIn({ metadata, data }: Trace, place: number, length: number): number[] {
  const gap = metadata.gap_seconds / SECONDS_PER_HOUR;
  const ticks = Math.min(data.length, Math.ceil(length / gap));
  const from = Math.floor(place * (data.length - ticks));
  return Array.from({ length: ticks }, (_, tick) => tick)
    .filter((tick) => tick > 0 && (data[from + tick] ?? 0) < (data[from + tick - 1] ?? 0))
    .map((tick) => tick * gap);
}

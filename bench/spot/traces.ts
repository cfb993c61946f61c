/**
 * Recorded availability of spot machines in the format of github.com/skypilot-org/spot-traces: `{"metadata": {"gap_seconds": g}, "data": [n, …]}`,
 * n machines to be had at each tick of g seconds. Files of one folder begin at the same time: they are the zones of one run.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';

const TraceFile = z.object({ metadata: z.object({ gap_seconds: z.number().positive() }), data: z.array(z.number()).min(1) });

interface Zone {
  readonly name: string;
  /** One flag a tick: there is a machine. */
  readonly up: Uint8Array;
}

export interface Region {
  /** Folder of the traces. */
  readonly name: string;
  readonly tickSeconds: number;
  readonly zones: readonly Zone[];
  /** Of the shortest trace. */
  readonly ticks: number;
}

/** A start of 12 minutes is a whole number of either. Traces of 30 s show outages that are shorter than the coarse one. */
const FINE_TICK_SECONDS = 60;
const COARSE_TICK_SECONDS = 240;

/** All folders below `directory` that hold traces, by name. @throws Error with the file's name where one is not of the format */
export async function readRegions(directory: string): Promise<Region[]> {
  const files = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.json')).sort();
  const folders = Map.groupBy(files, (file) => dirname(file));
  return await Promise.all(
    [...folders].map(async ([folder, names]): Promise<Region> => {
      const traces = await Promise.all(names.map(async (name) => ({ name, ...(await readTrace(join(directory, name))) })));
      const gap = Math.min(...traces.map(({ gapSeconds }) => gapSeconds));
      const tickSeconds = gap <= FINE_TICK_SECONDS ? FINE_TICK_SECONDS : COARSE_TICK_SECONDS;
      const zones = traces.map(({ name, gapSeconds, data }) => ({
        name: basename(name, '.json'),
        up: ticksOf(data, gapSeconds, tickSeconds),
      }));
      return { name: relative('.', folder), tickSeconds, zones, ticks: Math.min(...zones.map(({ up }) => up.length)) };
    }),
  );
}

async function readTrace(file: string): Promise<{ gapSeconds: number; data: readonly number[] }> {
  try {
    const { metadata, data } = TraceFile.parse(JSON.parse(await readFile(file, 'utf8')));
    return { gapSeconds: metadata.gap_seconds, data };
  } catch (error) {
    throw new Error(`${file}: expected {"metadata": {"gap_seconds": 30}, "data": [1, 0, …]}`, { cause: error });
  }
}

/** A tick is up where each sample that falls into it is; where none does, as the sample before it. */
function ticksOf(data: readonly number[], gapSeconds: number, tickSeconds: number): Uint8Array {
  const ticks = new Uint8Array(Math.floor((data.length * gapSeconds) / tickSeconds));
  for (let tick = 0; tick < ticks.length; tick++) {
    const first = Math.floor((tick * tickSeconds) / gapSeconds);
    const last = Math.max(first, Math.ceil(((tick + 1) * tickSeconds) / gapSeconds) - 1);
    let up = 1;
    for (let at = first; at <= last && gapSeconds < tickSeconds; at++) if ((data[at] ?? 0) < 1) up = 0;
    ticks[tick] = gapSeconds < tickSeconds ? up : (data[first] ?? 0) >= 1 ? 1 : 0;
  }
  return ticks;
}

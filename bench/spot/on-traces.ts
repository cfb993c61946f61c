/**
 * The workflow's rules of placement on recorded traces, beside the cheapest that was possible, Uniform Progress and SkyPilot.
 * Fixed: spot at a third of the price, 12 minutes to start, work of 0.4, 0.6 and 0.8 of the time to the deadline, one trial at a time.
 */
import { createHash } from 'node:crypto';
import { Placement, Pool } from '../../src/contract/profile.ts';
import type { PoolEvent } from '../../src/rules/pool-rates.ts';
import { random } from '../../test/support/random.ts';
import { skypilot, uniformProgress } from './baselines.ts';
import { leastCosts } from './oracle.ts';
import { live, START_SECONDS } from './simulate.ts';
import { readRegions, type Region } from './traces.ts';

const SPOT_PRICE = 1 / 3;
const WORK_SHARES = [0.4, 0.6, 0.8];
const LONGEST_DEADLINE_SECONDS = 5 * 24 * 3600;
/** Of a short trace; what is left is where the runs begin. */
const DEADLINE_SHARE = 0.5;
const RUNS = 8;

/** Costs in hours of an on-demand machine. */
interface Sums {
  runs: number;
  onDemand: number;
  oracle: number;
  ours: number;
  uniformProgress: number;
  skypilot: number;
  misses: number;
}

interface OnTraces {
  readonly regions: readonly { readonly region: Region; readonly sums: Sums }[];
  readonly figures: {
    readonly share_of_oracle: number;
    readonly share_of_oracle_worst: number;
    readonly cost_ratio_uniform_progress: number;
    readonly cost_ratio_skypilot: number;
    readonly deadline_misses: number;
  };
}

export const shareOfOracle = ({ onDemand, ours, oracle }: Sums): number =>
  onDemand === oracle ? 1 : (onDemand - ours) / (onDemand - oracle);

/** The constants of the rules were chosen on the one half, and are judged on the other. */
export const HALVES = ['choose', 'report'] as const;
type Half = (typeof HALVES)[number];

/** By the last bit of the first byte of the SHA-256 of the folder's path below the directory of all traces. */
const halfOf = (name: string): Half => ((createHash('sha256').update(name).digest()[0] ?? 0) % 2 === 1 ? 'choose' : 'report');

/** @param half only those folders; all of them when left out */
export async function measureOnTraces(directory: string, half?: Half): Promise<OnTraces> {
  const found = (await readRegions(directory)).filter(({ name }) => half === undefined || halfOf(name) === half);
  if (found.length === 0)
    throw new Error(`${directory}: no folder with traces in it${half === undefined ? '' : ` that is of the half "${half}"`}`);
  const regions = found.map((region) => ({ region, sums: measure(region) }));
  const all = nothing();
  for (const { sums } of regions) for (const key of Object.keys(all) as (keyof Sums)[]) all[key] += sums[key];
  return {
    regions,
    figures: {
      share_of_oracle: round(shareOfOracle(all)),
      share_of_oracle_worst: round(Math.min(...regions.map(({ sums }) => shareOfOracle(sums)))),
      cost_ratio_uniform_progress: round(all.ours / all.uniformProgress),
      cost_ratio_skypilot: round(all.ours / all.skypilot),
      deadline_misses: all.misses,
    },
  };
}

function measure(region: Region): Sums {
  const { tickSeconds, ticks } = region;
  const sums = nothing();
  const deadlineTicks = Math.floor(Math.min(LONGEST_DEADLINE_SECONDS / tickSeconds, ticks * DEADLINE_SHARE));
  const startTicks = START_SECONDS / tickSeconds;
  const mostWorkTicks = Math.round(Math.max(...WORK_SHARES) * deadlineTicks);
  const hours = tickSeconds / 3600;
  // What runs that began before have in the ledger, by share of work; times in ms from the start of the traces.
  const ledgers = WORK_SHARES.map((): PoolEvent[] => []);
  for (let run = 0; run < RUNS; run++) {
    const from = Math.floor(((ticks - deadlineTicks) * run) / (RUNS - 1));
    const zones = region.zones.map(({ up }) => up.subarray(from));
    const least = leastCosts({ zones, deadlineTicks, mostWorkTicks, startTicks, spotPrice: SPOT_PRICE });
    for (const [index, share] of WORK_SHARES.entries()) {
      const workTicks = Math.round(share * deadlineTicks);
      const task = { zones, workTicks, deadlineTicks, startTicks, spotPrice: SPOT_PRICE };
      const known = ledgers[index] ?? [];
      const fromMs = from * tickSeconds * 1000;
      const ledger = known.map((event) => ({ ...event, at: event.at - fromMs }));
      const ours = placed(region, zones, workTicks, deadlineTicks, ledger);
      known.push(...ledger.slice(known.length).map((event) => ({ ...event, at: event.at + fromMs })));
      sums.runs += 1;
      sums.onDemand += (workTicks + startTicks) * hours;
      sums.oracle += (least[workTicks] ?? Infinity) * hours;
      sums.ours += ours.cost;
      sums.uniformProgress += uniformProgress(task).cost * hours;
      sums.skypilot += skypilot(task).cost * hours;
      sums.misses += ours.endedAt > deadlineTicks * tickSeconds ? 1 : 0;
    }
  }
  return sums;
}

/** @param ledger gets the attempts of this run */
function placed(
  { name, zones: named, tickSeconds }: Region,
  zones: readonly Uint8Array[],
  workTicks: number,
  deadlineTicks: number,
  ledger: PoolEvent[],
) {
  const spot = named.map((zone) =>
    Pool.parse({ name: poolName(zone.name), spot: true, pricePerHour: SPOT_PRICE, onDemandPricePerHour: 1 }),
  );
  const onDemand = Pool.parse({ name: 'on-demand', spot: false, pricePerHour: 1 });
  const deadlineSeconds = deadlineTicks * tickSeconds;
  return live({
    workSeconds: workTicks * tickSeconds,
    rules: Placement.parse({ deadlineSeconds }),
    pools: [...spot, onDemand],
    deadlineSeconds,
    traces: new Map(zones.map((up, i) => [spot[i]?.name ?? '', up])),
    tickSeconds,
    draw: random(workTicks + name.length),
    ledger,
  });
}

const poolName = (zone: string): string => zone.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-');

const nothing = (): Sums => ({ runs: 0, onDemand: 0, oracle: 0, ours: 0, uniformProgress: 0, skypilot: 0, misses: 0 });

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

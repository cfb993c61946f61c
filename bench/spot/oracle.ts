/**
 * The least that a trial can cost within its deadline, for one who knows when there will be machines: the Omniscient policy of Wu et al.
 * ("Can't Be Late", NSDI '24, §5.3), by dynamic programming over ticks, what runs, and the ticks of work that are left.
 * It loses no work, saves for nothing, and never starts a machine in vain.
 */
interface OracleInput {
  /** Of each zone one flag a tick: a spot machine is to be had. */
  readonly zones: readonly Uint8Array[];
  readonly deadlineTicks: number;
  /** The longest work; the answer has all shorter ones too. */
  readonly mostWorkTicks: number;
  /** Ticks from asking for a machine to training on it; paid. */
  readonly startTicks: number;
  /** Price of spot, that of on-demand being 1. */
  readonly spotPrice: number;
}

/** Costs that are left, by ticks of work that are left. */
interface Layer {
  readonly idle: Float64Array;
  readonly onDemand: Float64Array;
  readonly spots: readonly Float64Array[];
}

/** Cost in ticks of an on-demand machine, by ticks of work; Infinity where the deadline is too early for any policy. */
export function leastCosts({ zones, deadlineTicks, mostWorkTicks, startTicks, spotPrice }: OracleInput): Float64Array {
  const make = (): Float64Array => {
    const values = new Float64Array(mostWorkTicks + 1).fill(Infinity);
    values[0] = 0;
    return values;
  };
  const layer = (): Layer => ({ idle: make(), onDemand: make(), spots: zones.map(make) });
  // layers[k] belongs to k ticks later; only as many as a start takes are needed.
  const layers = Array.from({ length: startTicks + 1 }, layer);
  const upFor = zones.map(ticksUp);
  for (let tick = deadlineTicks - 1; tick >= 0; tick--) {
    const [now, next, started] = rotate(layers);
    const mayStart = tick + startTicks <= deadlineTicks;
    // What a start in any zone leads to, where one lasts until it has started.
    const startable = mayStart ? started.spots.filter((_, zone) => (upFor[zone]?.[tick] ?? 0) >= startTicks) : [];
    for (let work = 1; work <= mostWorkTicks; work++) {
      let leave = next.idle[work] ?? Infinity;
      for (const spot of startable) leave = Math.min(leave, startTicks * spotPrice + (spot[work] ?? Infinity));
      if (mayStart) leave = Math.min(leave, startTicks + (started.onDemand[work] ?? Infinity));
      now.idle[work] = leave;
      now.onDemand[work] = Math.min(leave, 1 + (next.onDemand[work - 1] ?? Infinity));
    }
    for (const [zone, spot] of now.spots.entries()) {
      const isUp = zones[zone]?.[tick] === 1;
      const after = next.spots[zone] ?? next.idle;
      for (let work = 1; work <= mostWorkTicks; work++)
        spot[work] = Math.min(now.idle[work] ?? Infinity, isUp ? spotPrice + (after[work - 1] ?? Infinity) : Infinity);
    }
  }
  return (layers[0] ?? layer()).idle;
}

/** The oldest layer becomes the newest one, to be filled: [this tick, the next one, the one in which a start ends]. */
function rotate(layers: Layer[]): [Layer, Layer, Layer] {
  const [next, oldest] = [layers[0], layers.pop()];
  const started = layers.at(-1);
  if (layers.length === 0 || !next || !oldest || !started) throw new RangeError('a start takes at least one tick');
  layers.unshift(oldest);
  return [oldest, next, started];
}

function ticksUp(trace: Uint8Array): Int32Array {
  const left = new Int32Array(trace.length + 1);
  for (let at = trace.length - 1; at >= 0; at--) left[at] = trace[at] === 1 ? (left[at + 1] ?? 0) + 1 : 0;
  return left;
}

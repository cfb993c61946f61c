/**
 * The least that a trial can cost within its deadline, for one who knows when there will be machines: the Omniscient policy of Wu et al.
 * ("Can't Be Late", NSDI '24, §5.3), by dynamic programming over ticks, what runs, and the ticks of work that are left.
 * It loses no work, saves for nothing, and never starts a machine in vain.
 */
export interface OracleInput {
  /** One flag a tick: a spot machine is to be had. */
  readonly trace: Uint8Array;
  readonly deadlineTicks: number;
  /** The longest work; the answer has all shorter ones too. */
  readonly mostWorkTicks: number;
  /** Ticks from asking for a machine to training on it; paid. */
  readonly startTicks: number;
  /** Price of spot, that of on-demand being 1. */
  readonly spotPrice: number;
}

/** Cost in ticks of an on-demand machine, by ticks of work; Infinity where the deadline is too early for any policy. */
export function leastCosts({ trace, deadlineTicks, mostWorkTicks, startTicks, spotPrice }: OracleInput): Float64Array {
  const layer = (): { idle: Float64Array; spot: Float64Array; onDemand: Float64Array } => {
    const make = (): Float64Array => {
      const values = new Float64Array(mostWorkTicks + 1).fill(Infinity);
      values[0] = 0;
      return values;
    };
    return { idle: make(), spot: make(), onDemand: make() };
  };
  // layers[k] belongs to k ticks later; only as many as a start takes are needed.
  const layers = Array.from({ length: startTicks + 1 }, layer);
  const upFor = ticksUp(trace);
  for (let tick = deadlineTicks - 1; tick >= 0; tick--) {
    const [now, next, started] = rotate(layers);
    const isUp = trace[tick] === 1;
    const isLongUp = (upFor[tick] ?? 0) >= startTicks;
    const mayStart = tick + startTicks <= deadlineTicks;
    for (let work = 1; work <= mostWorkTicks; work++) {
      const wait = next.idle[work] ?? Infinity;
      const newSpot = mayStart && isLongUp ? startTicks * spotPrice + (started.spot[work] ?? Infinity) : Infinity;
      const newOnDemand = mayStart ? startTicks + (started.onDemand[work] ?? Infinity) : Infinity;
      const leave = Math.min(wait, newSpot, newOnDemand);
      now.idle[work] = leave;
      now.spot[work] = Math.min(leave, isUp ? spotPrice + (next.spot[work - 1] ?? Infinity) : Infinity);
      now.onDemand[work] = Math.min(leave, 1 + (next.onDemand[work - 1] ?? Infinity));
    }
  }
  return (layers[0] ?? layer()).idle;
}

/** The oldest layer becomes the newest one, to be filled: [this tick, the next one, the one in which a start ends]. */
function rotate<Layer>(layers: Layer[]): [Layer, Layer, Layer] {
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

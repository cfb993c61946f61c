/** What others do with the same zones: one machine at a time, tick by tick. */

interface Task {
  /** Of each zone, one flag a tick from the start of the run. */
  readonly zones: readonly Uint8Array[];
  readonly workTicks: number;
  readonly deadlineTicks: number;
  /** Ticks from asking for a machine to training on it; paid. */
  readonly startTicks: number;
  /** Price of spot, that of on-demand being 1. */
  readonly spotPrice: number;
}

interface Outcome {
  /** In ticks of an on-demand machine. */
  readonly cost: number;
  readonly missed: boolean;
}

/** What runs: nothing, a zone's spot machine, an on-demand one. */
type Place = 'idle' | 'on-demand' | number;

interface Moment {
  readonly tick: number;
  readonly place: Place;
  /** Ticks of work that are done. */
  readonly done: number;
  /** A zone that has a machine, the present one first; -1 where none has. */
  readonly upZone: number;
}

type Policy = (task: Task, moment: Moment) => Place;

function simulate(task: Task, policy: Policy): Outcome {
  let [place, starting, done, cost]: [Place, number, number, number] = ['idle', 0, 0, 0];
  const longest = Math.max(task.deadlineTicks, ...task.zones.map((zone) => zone.length));
  for (let tick = 0; ; tick++) {
    if (done >= task.workTicks) return { cost, missed: tick > task.deadlineTicks };
    if (tick >= longest) return { cost, missed: true };
    const here = typeof place === 'number' && task.zones[place]?.[tick] === 1;
    if (typeof place === 'number' && !here) place = 'idle';
    const upZone = here && typeof place === 'number' ? place : task.zones.findIndex((zone) => zone[tick] === 1);
    const next = policy(task, { tick, place, done, upZone });
    if (next !== place) starting = task.startTicks;
    place = next;
    if (place === 'idle') continue;
    cost += place === 'on-demand' ? 1 : task.spotPrice;
    if (starting > 0) starting -= 1;
    else done += 1;
  }
}

/** Nothing may be lost any more: what ends in time for sure is on-demand (the safety net rule of Wu et al., §5.2). */
const mustBeSafe = ({ deadlineTicks, workTicks, startTicks }: Task, { tick, done }: Moment): boolean =>
  deadlineTicks - tick - (workTicks - done) <= 2 * startTicks;

/**
 * Uniform Progress: work is to be done as evenly as time passes; behind that on-demand is used, ahead of it spot is waited for
 * (Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI '24, §5.2), in any zone that has a machine.
 */
export const uniformProgress = (task: Task): Outcome =>
  simulate(task, (_, moment) => {
    const { tick, place, done, upZone } = moment;
    if (mustBeSafe(task, moment)) return 'on-demand';
    if (typeof place === 'number') return place;
    const expected = (at: number): number => (at * task.workTicks) / task.deadlineTicks;
    // Once on-demand, it stays until it is two starts ahead: moving back and forth costs one each time.
    if (place === 'on-demand' && done < expected(tick + 2 * task.startTicks)) return 'on-demand';
    if (upZone >= 0) return upZone;
    return done < expected(tick) ? 'on-demand' : 'idle';
  });

/**
 * A managed job of SkyPilot that may use spot or on-demand (`any_of`): the cheapest that is to be had at each launch and recovery, in any zone;
 * it moves when it is preempted, and at no other time (docs.skypilot.co, "Managed Jobs"; sky/jobs/recovery_strategy.py, `EAGER_NEXT_REGION`).
 */
export const skypilot = (task: Task): Outcome =>
  simulate(task, (_, { place, upZone }) => (place === 'on-demand' ? place : upZone >= 0 ? upZone : 'on-demand'));

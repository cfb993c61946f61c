/**
 * What it costs to reach a quality on spot machines where each preemption is a rung, for each machine hour of the same search that always gives the
 * machine back to the trial that lost it: searches over recorded learning curves on traces of availability, decided by the rules that the workflow runs.
 */
import type { HalvingScheduler } from '../../src/contract/search-space.ts';
import { bestOf } from '../../src/rules/curves.ts';
import {
  bestWithoutMachine,
  expectedValue,
  lastPromotion,
  nextLevel,
  nextWithoutMachine,
  promotion,
  type HalvingTrial,
  type Rungs,
  type Trained,
} from '../../src/rules/halving.ts';
import { REGIMES, TICK_SECONDS, traceOf } from '../spot/availability.ts';
import { START_SECONDS } from '../spot/simulate.ts';
import { readRegions, type Region } from '../spot/traces.ts';
import { TOLERANCE } from './promotion.ts';
import { shuffled } from './shuffled.ts';
import type { Tables } from './stopping.ts';

const PLACES = 5;
/** Of training between two points: a trial of 16 takes a day and a third. */
const POINT_HOURS = 2;
/** Where a machine that is there gets another trial: its Job begins, and reads its checkpoint. */
const CHANGE_SECONDS = 60;
const DAYS = 45;
const HOUR_SECONDS = 3600;

type Policy = 'rung' | 'same trial';

interface Simulated {
  readonly trial: number;
  readonly all: readonly number[];
  /** Points trained, a part of one included. */
  done: number;
  curve: readonly number[];
  values: (number | null)[];
  expected: (number | null)[];
  state: HalvingTrial['state'] | 'without machine';
  lostAt: number;
}
interface Machine {
  trial: Simulated | null;
  /** Until it trains. */
  startHours: number;
}
interface Setting {
  readonly curves: readonly (readonly number[])[];
  readonly scheduler: HalvingScheduler;
  readonly region: Region;
  readonly firstTick: number;
}

/** Recorded traces, or as many zones of a generated one where there is no folder of them. */
export async function regionsOf(traces: string | undefined): Promise<Region[]> {
  if (traces !== undefined) return readRegions(traces);
  const ticks = (DAYS * 24 * HOUR_SECONDS) / TICK_SECONDS;
  return REGIMES.filter(({ name }) => name !== 'calm').map((regime, i) => ({
    name: `generated: ${regime.name}`,
    tickSeconds: TICK_SECONDS,
    ticks,
    zones: Array.from({ length: PLACES }, (_, zone) => ({ name: `zone-${zone}`, up: traceOf(regime, ticks, 100 * i + zone) })),
  }));
}

/** Machine hours until a model is within the tolerance of the best, summed over the searches, of the one policy for each of the other. */
export function measurePreemptions(
  tables: Tables,
  scheduler: HalvingScheduler,
  regions: readonly Region[],
  trials: number,
  seeds: number,
): number {
  const hours = { rung: 0, 'same trial': 0 };
  for (const region of regions)
    for (const table of Object.values(tables))
      for (let seed = 1; seed <= seeds; seed++) {
        const curves = shuffled(table, seed)
          .slice(0, trials)
          .map(({ curve }) => curve);
        const firstTick = Math.floor((region.ticks * seed) / (seeds + 1));
        for (const policy of ['rung', 'same trial'] as const) hours[policy] += hoursOf({ curves, scheduler, region, firstTick }, policy);
      }
  return hours.rung / hours['same trial'];
}

function hoursOf({ curves, scheduler, region, firstTick }: Setting, policy: Policy): number {
  const rungs: Rungs = { scheduler, end: curves[0]?.length ?? null };
  const best = Math.max(...curves.flat());
  const wanted = best - TOLERANCE * Math.abs(best);
  const begun: Simulated[] = [];
  const zones = Array.from({ length: PLACES }, (_, i) => region.zones[i % region.zones.length]?.up ?? new Uint8Array());
  const machines: (Machine | null)[] = zones.map(() => null);
  const tickHours = region.tickSeconds / HOUR_SECONDS;
  let [hours, found] = [0, false];
  // A trace that ends begins again.
  for (let tick = 0; !found && !isOver(); tick++) {
    comeAndGo((firstTick + tick) % region.ticks, tick);
    while (machines.some((machine) => machine?.trial === null && fill(machine))) continue;
    for (const machine of machines) if (machine?.trial) train(machine, machine.trial);
  }
  return hours;

  function comeAndGo(at: number, tick: number): void {
    zones.forEach((up, i) => {
      const machine = machines[i] ?? null;
      if (up[at] === 1) machines[i] ??= { trial: null, startHours: START_SECONDS / HOUR_SECONDS };
      else {
        if (machine?.trial) Object.assign(machine.trial, { state: 'without machine', lostAt: tick });
        machines[i] = null;
      }
    });
  }

  /** A search that has not found it by its end costs all of what it trained. */
  function isOver(): boolean {
    const ended = begun.length === curves.length && begun.every(({ state }) => state === 'over' || state === 'held');
    return ended && chosen() === null;
  }

  function fill(machine: Machine): boolean {
    const next = chosen();
    if (next === null) return false;
    next.state = 'going';
    machine.trial = next;
    return true;
  }

  /** In the order in which `workflows/search` asks. */
  function chosen(): Simulated | null {
    const { factor } = scheduler;
    const waiting = begun.filter(({ state }) => state === 'without machine').sort((a, b) => a.lostAt - b.lostAt);
    if (policy === 'same trial' && waiting[0]) return waiting[0];
    const trained = begun.map((trial): Trained => {
      return { ...trial, rungs: trial.values.length, waits: trial.state === 'held' || trial.state === 'without machine' };
    });
    const unserved = waiting.flatMap(({ trial }) => trained[trial] ?? []);
    const deserving = nextWithoutMachine(unserved, trained, 'maximize', factor);
    if (deserving) return begun[deserving.trial] ?? null;
    const complete = begun.length === curves.length;
    const trials = begun.map((trial): HalvingTrial => {
      return { ...trial, bracket: 0, state: trial.state === 'without machine' ? 'going' : trial.state };
    });
    const field = { trials, goal: 'maximize' as const, complete, planned: curves.length };
    const promoted = promotion(rungs, field);
    if (promoted) return begun[promoted.trial] ?? null;
    const all = curves[begun.length];
    if (all) {
      const trial: Simulated = { trial: begun.length, all, done: 0, curve: [], values: [], expected: [], state: 'going', lostAt: 0 };
      begun.push(trial);
      return trial;
    }
    const anyway = bestWithoutMachine(unserved, 'maximize', factor);
    if (anyway) return begun[anyway.trial] ?? null;
    if (begun.some(({ state }) => state === 'going')) return null;
    const finished = begun.filter(({ state }) => state === 'over').map(({ curve }) => bestOf(curve, 'maximize'));
    const last = lastPromotion(field, finished);
    return last === null ? null : (begun[last.trial] ?? null);
  }

  function train(machine: Machine, trial: Simulated): void {
    hours += tickHours;
    const starting = Math.min(tickHours, machine.startHours);
    machine.startHours -= starting;
    trial.done += (tickHours - starting) / POINT_HOURS;
    const points = Math.min(trial.all.length, Math.floor(trial.done));
    if (points === trial.curve.length) return;
    trial.curve = trial.all.slice(0, points);
    found ||= trial.curve.some((value) => value >= wanted);
    if (points === trial.all.length) trial.state = 'over';
    const level = nextLevel(rungs, 0, trial.values.length);
    if (trial.state === 'going' && level !== null && points >= level) {
      trial.values.push(bestOf(trial.curve, 'maximize'));
      trial.expected.push(expectedValue(trial.curve, 'maximize', scheduler.factor));
      trial.state = 'held';
    }
    if (trial.state === 'going') return;
    Object.assign(machine, { trial: null, startHours: CHANGE_SECONDS / HOUR_SECONDS });
  }
}

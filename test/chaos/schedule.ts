/** What goes wrong, and when: a pure function of a seed, so that a failing schedule can be played again and made smaller. */
import { random } from '../support/random.ts';
import { FAULTS, FAULT_KINDS, PHASES, WORLDS, type FaultKind, type Phase, type WorldKind } from './faults.ts';

export interface Fault {
  readonly kind: FaultKind;
  /** The step that must have begun. */
  readonly phase: Phase;
  /** ms after that */
  readonly delayMs: number;
  /** Of clocks: how far ahead, or behind if negative. */
  readonly minutes?: number;
  /** Of a soak's: how long it lasts; as long as such faults do when left out. */
  readonly ms?: number;
}

export interface Schedule {
  readonly seed: number;
  readonly world: WorldKind;
  readonly faults: readonly Fault[];
}

const LONGEST_DELAY_MS: Readonly<Record<Phase, number>> = { start: 300, dataset: 800, parts: 800, search: 4000, best: 500 };

/** Share of schedules in which a clock jumps, too. */
const CLOCK_SHARE = 0.25;
const MAX_MINUTES = 1500;

interface ScheduleOptions {
  readonly mostFaults?: number;
  readonly world?: WorldKind;
}

export function scheduleOf(seed: number, { mostFaults = 5, world = 'embedded' }: ScheduleOptions = {}): Schedule {
  const { next } = random(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  const urn = FAULT_KINDS.filter((kind) => !FAULTS[kind].isClock).flatMap((kind) =>
    Array.from({ length: FAULTS[kind].weights[world] ?? 0 }, () => kind),
  );
  const faults = Array.from({ length: 1 + below(mostFaults) }, (): Fault => {
    const kind = urn[below(urn.length)] ?? 'kill-control';
    const phases = FAULTS[kind].phases ?? PHASES;
    const phase = phases[below(phases.length)] ?? 'search';
    return { kind, phase, delayMs: below(LONGEST_DELAY_MS[phase]) };
  });
  // One cancellation ends the run; what comes after it would meet nothing.
  const cancel = faults.findIndex((fault) => fault.kind === 'cancel');
  const kept = faults.filter((fault, at) => fault.kind !== 'cancel' || at === cancel);
  const all = [...kept, ...clockFaults(seed, world)];
  return { seed, world, faults: all.sort(byTime) };
}

const byTime = (a: Fault, b: Fault): number => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) || a.delayMs - b.delayMs;

/** What goes wrong in several, all in one run. Of cancellations the last one is kept: what comes after it would meet nothing. */
export function inOne(schedules: readonly Schedule[]): Schedule {
  const [first] = schedules;
  if (first === undefined) throw new Error('expected at least one schedule, found none');
  const faults = schedules.flatMap((each) => each.faults).sort(byTime);
  const cancel = faults.findLastIndex(({ kind }) => kind === 'cancel');
  return { ...first, faults: faults.filter(({ kind }, at) => kind !== 'cancel' || at === cancel) };
}

/** Every twentieth seed is played in the cloud: a world that takes longer, and is the only one with machines that go. */
const CLOUD_EVERY = 20;

export const mixedScheduleOf = (seed: number): Schedule => scheduleOf(seed, { world: seed % CLOUD_EVERY === 0 ? 'cloud' : 'embedded' });

/** Drawn apart, so that seeds kept what they meant before there were any. */
function clockFaults(seed: number, world: WorldKind): Fault[] {
  const { next } = random(seed + 0x10000);
  const clocks = FAULT_KINDS.filter((kind) => FAULTS[kind].isClock && FAULTS[kind].weights[world] !== undefined);
  const kind = clocks[Math.floor(next() * clocks.length)];
  const phase = PHASES[Math.floor(next() * PHASES.length)];
  const delayMs = Math.floor(next() * LONGEST_DELAY_MS[phase ?? 'start']);
  const minutes = Math.ceil(MAX_MINUTES ** next()) * (next() < 0.5 ? -1 : 1);
  return next() < CLOCK_SHARE && kind && phase ? [{ kind, phase, delayMs, minutes }] : [];
}

export const describeFaults = (faults: readonly Fault[]): string =>
  faults.map(({ kind, phase, delayMs, minutes }) => `${kind}@${phase}+${delayMs}${minutes === undefined ? '' : `:${minutes}m`}`).join(' ');

/** @throws Error when the text is something else. @example parseFaults('kill-control@search+200 clock-training@parts+10:-90m') */
export function parseFaults(text: string): Fault[] {
  return text.split(/\s+/).map((word) => {
    const match = /^([a-z0-9-]+)@([a-z]+)\+(\d+)(?::(-?\d+)m)?$/.exec(word);
    const kind = FAULT_KINDS.find((one) => one === match?.[1]);
    const phase = PHASES.find((one) => one === match?.[2]);
    const minutes = match?.[4];
    if (!kind || !phase || (FAULTS[kind].isClock ?? false) !== (minutes !== undefined))
      throw new Error(
        `"${word}": expected KIND@PHASE+MS, of clocks with :MINUTESm, KIND one of ${FAULT_KINDS.join(', ')}, PHASE of ${PHASES.join(', ')}`,
      );
    return { kind, phase, delayMs: Number(match?.[3]), ...(minutes === undefined ? {} : { minutes: Number(minutes) }) };
  });
}

/** The first world that has all of them. @throws Error when there is none */
export function worldOf(faults: readonly Fault[]): WorldKind {
  const world = WORLDS.find((one) => faults.every(({ kind }) => FAULTS[kind].weights[one] !== undefined));
  if (world === undefined) throw new Error(`no world has all of ${faults.map(({ kind }) => kind).join(', ')}`);
  return world;
}

/** Fewest faults that still fail: leaves out one at a time for as long as it goes on failing. */
export async function shrink(faults: readonly Fault[], fails: (faults: readonly Fault[]) => Promise<boolean>): Promise<readonly Fault[]> {
  for (let at = 0; at < faults.length; at++) {
    const fewer = faults.filter((_, index) => index !== at);
    if (fewer.length > 0 && (await fails(fewer))) return shrink(fewer, fails);
  }
  return faults;
}

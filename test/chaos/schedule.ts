/** What goes wrong, and when: a pure function of a seed, so that a failing schedule can be played again and made smaller. */

export const PHASES = ['start', 'dataset', 'parts', 'search', 'best'] as const;
export type Phase = (typeof PHASES)[number];

/** How often each fault is drawn, relative to the others. */
const WEIGHTS = {
  /** `kill -9` */
  'kill-control': 3,
  'kill-warehouse': 3,
  'kill-training': 3,
  'kill-sampler': 2,
  'kill-temporal': 3,
  'kill-trainer': 4,
  /** SIGTERM that nobody of us asked for, as a node that goes away sends it. */
  'preempt-trainer': 6,
  /** SIGTERM of a worker, as a rolling deploy sends it. */
  'stop-control': 2,
  'stop-warehouse': 2,
  'stop-training': 2,
  /** Every connection to Temporal breaks: results of activities are lost after the work was done. */
  'cut-connections': 4,
  /** The disk of store and warehouse is full for a while. */
  'full-disk': 2,
  /** A worker stands still for longer than its heartbeats may: the same activity runs twice at once. */
  'freeze-training': 1,
  'freeze-warehouse': 1,
  /** The run is cancelled; afterwards it is run again. */
  cancel: 2,
} as const;
export type FaultKind = keyof typeof WEIGHTS;
export const FAULT_KINDS = Object.keys(WEIGHTS) as FaultKind[];

export interface Fault {
  readonly kind: FaultKind;
  /** The step that must have begun. */
  readonly phase: Phase;
  /** ms after that */
  readonly delayMs: number;
}

export interface Schedule {
  readonly seed: number;
  readonly faults: readonly Fault[];
}

/** Where a fault makes no sense: a trainer runs only in the search, and the sampler is asked only there. */
const PHASES_OF: Partial<Record<FaultKind, readonly Phase[]>> = {
  'kill-trainer': ['search'],
  'preempt-trainer': ['search'],
  'kill-sampler': ['search'],
  'freeze-warehouse': ['dataset', 'parts'],
  'freeze-training': ['search'],
};
const LONGEST_DELAY_MS: Readonly<Record<Phase, number>> = { start: 300, dataset: 800, parts: 800, search: 4000, best: 500 };

export interface ScheduleOptions {
  readonly mostFaults?: number;
  readonly kinds?: readonly FaultKind[];
}

export function scheduleOf(seed: number, { mostFaults = 5, kinds = FAULT_KINDS }: ScheduleOptions = {}): Schedule {
  const random = mulberry32(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const urn = kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  const faults = Array.from({ length: 1 + below(mostFaults) }, (): Fault => {
    const kind = urn[below(urn.length)] ?? 'kill-control';
    const phases = PHASES_OF[kind] ?? PHASES;
    const phase = phases[below(phases.length)] ?? 'search';
    return { kind, phase, delayMs: below(LONGEST_DELAY_MS[phase]) };
  });
  // One cancellation ends the run; what comes after it would meet nothing.
  const cancel = faults.findIndex((fault) => fault.kind === 'cancel');
  const kept = faults.filter((fault, at) => fault.kind !== 'cancel' || at === cancel);
  return { seed, faults: kept.sort((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) || a.delayMs - b.delayMs) };
}

export const describeFaults = (faults: readonly Fault[]): string =>
  faults.map((fault) => `${fault.kind}@${fault.phase}+${fault.delayMs}`).join(' ');

/** @throws Error when the text is something else. @example parseFaults('kill-control@search+200 cancel@parts+10') */
export function parseFaults(text: string): Fault[] {
  return text.split(/\s+/).map((word) => {
    const match = /^([a-z-]+)@([a-z]+)\+(\d+)$/.exec(word);
    const kind = FAULT_KINDS.find((one) => one === match?.[1]);
    const phase = PHASES.find((one) => one === match?.[2]);
    if (!kind || !phase)
      throw new Error(`"${word}": expected KIND@PHASE+MS, KIND one of ${FAULT_KINDS.join(', ')}, PHASE of ${PHASES.join(', ')}`);
    return { kind, phase, delayMs: Number(match?.[3]) };
  });
}

/** Fewest faults that still fail: leaves out one at a time for as long as it goes on failing. */
export async function shrink(faults: readonly Fault[], fails: (faults: readonly Fault[]) => Promise<boolean>): Promise<readonly Fault[]> {
  for (let at = 0; at < faults.length; at++) {
    const fewer = faults.filter((_, index) => index !== at);
    if (fewer.length > 0 && (await fails(fewer))) return shrink(fewer, fails);
  }
  return faults;
}

/** Tommy Ettinger's mulberry32: 32 bits of state, good enough to draw lots. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

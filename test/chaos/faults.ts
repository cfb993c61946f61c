/** Every kind of fault: where it makes sense, how often it is drawn, and what happens. */

export const PHASES = ['start', 'dataset', 'parts', 'search', 'best'] as const;
export type Phase = (typeof PHASES)[number];

/** The real parts that a run meets. `embedded`: DuckDB, a directory and processes of this machine. */
export type WorldKind = 'embedded' | 'cloud';
export const WORLDS: readonly WorldKind[] = ['embedded'];

export interface FaultDescription {
  readonly what: string;
  /** How often it is drawn in each world, relative to the others; a world that has no such fault is left out. */
  readonly weights: Readonly<Partial<Record<WorldKind, number>>>;
  /** Where it makes sense, all when absent: a trainer runs only in the search, and the sampler is asked only there. */
  readonly phases?: readonly Phase[];
  /** By how much is drawn, too. */
  readonly isClock?: boolean;
}

const KINDS = {
  'kill-control': { what: '`kill -9` of the worker that runs workflows', weights: { embedded: 3 } },
  'kill-warehouse': { what: 'of the worker that runs SQL and exports', weights: { embedded: 3 } },
  'kill-training': { what: 'of the worker that watches attempts', weights: { embedded: 3 } },
  'kill-sampler': { what: 'of the Python worker with Optuna', weights: { embedded: 2 }, phases: ['search'] },
  'kill-temporal': { what: 'of the Temporal server; its file is all that is left', weights: { embedded: 3 } },
  'kill-trainer': { what: 'of the running trainers', weights: { embedded: 4 }, phases: ['search'] },
  'preempt-trainer': { what: 'SIGTERM to them, as a node that goes away sends it', weights: { embedded: 6 }, phases: ['search'] },
  'stop-control': { what: 'SIGTERM to a worker, as a rolling deploy sends it', weights: { embedded: 2 } },
  'stop-warehouse': { what: 'the same', weights: { embedded: 2 } },
  'stop-training': { what: 'the same', weights: { embedded: 2 } },
  'cut-connections': {
    what: 'every connection to Temporal breaks: results are lost after the work was done',
    weights: { embedded: 4 },
  },
  'full-disk': { what: 'the disk of store and warehouse is full for 1.5 s', weights: { embedded: 2 } },
  'freeze-training': {
    what: 'a worker stands still longer than its heartbeats may: the same activity runs twice at once',
    weights: { embedded: 1 },
    phases: ['search'],
  },
  'freeze-warehouse': { what: 'the same', weights: { embedded: 1 }, phases: ['dataset', 'parts'] },
  'clock-control': {
    what: 'the wall clock of a worker is minutes to a day ahead or behind for 5 s, then right again',
    weights: { embedded: 1 },
    isClock: true,
  },
  'clock-warehouse': { what: 'the same', weights: { embedded: 1 }, isClock: true },
  'clock-training': { what: 'the same', weights: { embedded: 1 }, isClock: true },
  cancel: { what: 'the run is cancelled, and then run again', weights: { embedded: 2 } },
} as const satisfies Readonly<Record<string, FaultDescription>>;

export type FaultKind = keyof typeof KINDS;
export const FAULTS: Readonly<Record<FaultKind, FaultDescription>> = KINDS;
export const FAULT_KINDS = Object.keys(KINDS) as FaultKind[];

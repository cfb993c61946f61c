/** Every kind of fault: where it makes sense, how often it is drawn, and what happens. */

export const PHASES = ['start', 'dataset', 'parts', 'search', 'best'] as const;
export type Phase = (typeof PHASES)[number];

/** The real parts that a run meets. `embedded`: DuckDB, a directory and processes of this machine; `cloud`: emulators of BigQuery and GCS, and Kubernetes. */
export const WORLDS = ['embedded', 'cloud'] as const;
export type WorldKind = (typeof WORLDS)[number];

interface FaultDescription {
  readonly what: string;
  /** How often it is drawn in each world, relative to the others; a world that has no such fault is left out. */
  readonly weights: Readonly<Partial<Record<WorldKind, number>>>;
  /** Where it makes sense, all when absent: a trainer runs only in the search, and the sampler is asked only there. */
  readonly phases?: readonly Phase[];
  /** By how much is drawn, too. */
  readonly isClock?: boolean;
}

const KINDS = {
  'kill-control': { what: '`kill -9` of the worker that runs workflows', weights: { embedded: 3, cloud: 2 } },
  'kill-warehouse': { what: 'of the worker that runs SQL and exports', weights: { embedded: 3, cloud: 2 } },
  'kill-training': { what: 'of the worker that watches attempts', weights: { embedded: 3, cloud: 2 } },
  'kill-sampler': { what: 'of the Python worker with Optuna', weights: { embedded: 2 }, phases: ['search'] },
  'kill-temporal': { what: 'of the Temporal server; its file is all that is left', weights: { embedded: 3, cloud: 2 } },
  'kill-trainer': { what: 'of the running trainers', weights: { embedded: 4 }, phases: ['search'] },
  'preempt-trainer': { what: 'SIGTERM to them, as a node that goes away sends it', weights: { embedded: 6 }, phases: ['search'] },
  'stop-control': { what: 'SIGTERM to a worker, as a rolling deploy sends it', weights: { embedded: 2, cloud: 1 } },
  'stop-warehouse': { what: 'the same', weights: { embedded: 2 } },
  'stop-training': { what: 'the same', weights: { embedded: 2, cloud: 1 } },
  'cut-connections': {
    what: 'every connection to Temporal breaks: results are lost after the work was done',
    weights: { embedded: 4, cloud: 2 },
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
  'kill-pod': { what: '`kill -9` of every process of the trainers’ containers', weights: { cloud: 2 }, phases: ['search'] },
  'delete-pod': { what: 'a pod is deleted by hand', weights: { cloud: 1 }, phases: ['search', 'best'] },
  'evict-pod': { what: 'by the Eviction API, as for a node that goes away', weights: { cloud: 3 }, phases: ['search', 'best'] },
  'drain-node': { what: 'a node with a trainer is cordoned and drained', weights: { cloud: 2 }, phases: ['search'] },
  'freeze-node': {
    what: 'kubelet and trainers of a node stand still until it is taken for lost, then go on: the old attempt writes beside the new one',
    weights: { cloud: 2 },
    phases: ['search'],
  },
  'delete-node': { what: 'the machine of a node with a trainer vanishes, and its Node with it', weights: { cloud: 2 }, phases: ['search'] },
  'kill-kubernetes': { what: '`kill -9` of the API server, and started again', weights: { cloud: 2 } },
  'silence-kubernetes': { what: 'the API server stands still for 4 s', weights: { cloud: 1 } },
  'errors-kubernetes': { what: 'it answers 429, 500 and 503 for 3 s', weights: { cloud: 1 } },
  'reset-kubernetes': {
    what: 'its connections break, and for 2 s new ones do, before or after the request was served',
    weights: { cloud: 1 },
  },
  'slow-kubernetes': { what: 'it answers 0.7 s late for 4 s', weights: { cloud: 1 } },
  'expire-kubernetes': { what: 'it answers 401 for 3 s', weights: {} },
  'kill-gcs': { what: '`kill -9` of the store’s emulator, and started again with its files', weights: { cloud: 2 } },
  'errors-gcs': { what: 'the store answers 429, 500 and 503 for 3 s', weights: { cloud: 2 } },
  'reset-gcs': { what: 'as `reset-kubernetes`', weights: { cloud: 2 } },
  'slow-gcs': { what: 'as `slow-kubernetes`', weights: { cloud: 1 } },
  'cut-gcs': { what: 'for 3 s each answer breaks off after 100 bytes', weights: { cloud: 2 } },
  'kill-bigquery': {
    what: '`kill -9` of the warehouse’s emulator between its jobs, and started again with its files',
    weights: { cloud: 2 },
  },
  'errors-bigquery': { what: 'the warehouse answers 429, 500 and 503 for 3 s', weights: { cloud: 2 } },
  'reset-bigquery': { what: 'as `reset-kubernetes`', weights: { cloud: 2 } },
  'slow-bigquery': { what: 'as `slow-kubernetes`', weights: { cloud: 1 } },
  'cut-bigquery': { what: 'as `cut-gcs`', weights: { cloud: 2 } },
  cancel: { what: 'the run is cancelled, and then run again', weights: { embedded: 2, cloud: 1 } },
} as const satisfies Readonly<Record<string, FaultDescription>>;

export type FaultKind = keyof typeof KINDS;
export const FAULTS: Readonly<Record<FaultKind, FaultDescription>> = KINDS;
export const FAULT_KINDS = Object.keys(KINDS) as FaultKind[];

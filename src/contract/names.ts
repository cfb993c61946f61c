/** Names that two sides must agree on: task queues, workflow types, messages, search attributes. Free of imports, so that workflows may load it. */

export const TASK_QUEUES = {
  control: 'longhaul-control',
  warehouse: 'longhaul-warehouse',
  training: 'longhaul-training',
  sampler: 'longhaul-sampler',
} as const;

export const WORKFLOWS = {
  trainingPipeline: 'trainingPipeline',
  hyperparameterSearch: 'hyperparameterSearch',
  trial: 'trial',
  poolGate: 'poolGate',
  scheduledRun: 'scheduledRun',
  tensorboard: 'tensorboard',
  parameterImportance: 'parameterImportance',
  samplerSuggestions: 'samplerSuggestions',
  jobEnding: 'jobEnding',
  audit: 'audit',
  tracker: 'tracker',
  promotion: 'promotion',
} as const;

export const QUERIES = {
  state: 'state',
  graph: 'graph',
  /** Of a search: all that it knows, for the search that goes on with it. */ memory: 'memory',
} as const;

export const SIGNALS = {
  /** Search → trial: end the running attempt with a checkpoint and finish as `stopped`. */
  stop: 'stop',
  pause: 'pause',
  resume: 'resume',
} as const;

export const UPDATES = {
  pause: 'pause',
  resume: 'resume',
  stopTrial: 'stop-trial',
  keepTrial: 'keep-trial',
  prioritise: 'prioritise',
  addTrial: 'add-trial',
  forkTrial: 'fork-trial',
  setParallelism: 'set-parallelism',
  setBudget: 'set-budget',
  setSpace: 'set-space',
  setStopping: 'set-stopping',
  approve: 'approve',
  reject: 'reject',
} as const;

/** Of a run, besides its updates: told by a signal, which the server keeps where no worker is there, and only recorded. */
export const DECISIONS = { cancel: 'cancel', retry: 'retry', extend: 'extend' } as const;

/** Of a model. */
export const PROMOTE = 'promote';

/** Search attributes and their Temporal types; workers register the missing ones when they start. */
export const SEARCH_ATTRIBUTES = {
  Pipeline: 'Keyword',
  Run: 'Keyword',
  Step: 'KeywordList',
  RunStatus: 'Keyword',
  BestObjective: 'Double',
} as const;

/** The environment variables of the trial contract. */
export const TRIAL_ENVIRONMENT = {
  trial: 'LONGHAUL_TRIAL',
  output: 'LONGHAUL_OUTPUT',
  attempt: 'LONGHAUL_ATTEMPT',
  /** How many GPUs were asked for; absent: none. */
  gpus: 'LONGHAUL_GPUS',
  /** These are there where several machines train the trial. */
  nodes: 'LONGHAUL_NODES',
  /** 0 … nodes − 1; 0 alone writes LATEST, result.json and records. */
  nodeRank: 'LONGHAUL_NODE_RANK',
  /** HOST:PORT of rank 0; the next port is for frameworks. */
  coordinator: 'LONGHAUL_COORDINATOR',
  gpusPerNode: 'LONGHAUL_GPUS_PER_NODE',
} as const;

/** Signals from a trial to its search, and between trials and the gate of a pool. */
export const INTERNAL_SIGNALS = {
  trialEnded: 'trial-ended',
  trialReport: 'trial-report',
  /** From the activity of an attempt to its trial: what it waits for. */
  attemptWaits: 'attempt-waits',
  /** To a trial, from who saw the Job of one of its attempts to its end: what it cost beyond what the trial has counted. */
  attemptCost: 'attempt-cost',
  /** From the activity of a Job of a step to its run, likewise. */
  stepWaits: 'step-waits',
  /** From a search to its run: whether it stands still. */
  searchStands: 'search-stands',
  acquire: 'acquire',
  release: 'release',
  granted: 'granted',
  /** To a run that was cancelled before: its steps on exit are to end too. */
  cancelExit: 'cancel-exit',
  /** To a run: somebody decided one of `DECISIONS`. */
  decided: 'decided',
  /** From a run to its trackers: the ledger has its end. */
  runEnded: 'run-ended',
} as const;

/** Views of the ledger that Looker Studio is connected to. */
export const LEDGER_VIEWS = ['v_trials', 'v_learning_curves', 'v_evaluations', 'v_costs'] as const;

/** Output `params_weeks` of a search that chooses `params.weeks`. */
export const paramOutput = (param: string): `params_${string}` => `params_${param}`;

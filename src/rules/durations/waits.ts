/** Patience and pace: what a soak divides, in which five days are played in minutes. Read them as `WAITS` of durations.ts, which divides. */
export const REAL_WAITS = {
  /** Between two tries of what a foreign system refused: from, to. */
  foreignRetryFirstMs: 500,
  foreignRetryLongestMs: 60_000,
  /** A foreign system that refuses for so long is not going to recover. */
  foreignTroubleSeconds: 24 * 3600,
  /** Trouble that lasts longer is worth telling a person. */
  foreignTroubleToldSeconds: 10,
  /** A registry of images that is away, or gives an image no longer, is asked anew by another attempt: after so long, twice so long, … */
  registryPauseFirstSeconds: 30,
  registryPauseLongestSeconds: 600,
  /** One that has given no image for so long is not going to. */
  registryTroubleSeconds: 24 * 3600,
  /** A wait of an attempt is told to its trial when it has lasted so long, and again after so long, twice so long, … */
  waitToldSeconds: 120,
  waitToldAgainSeconds: 600,
  /** What the ledger says of pools is read again by a trial so long after, where it asks a pool at all; a worker answers all trials of so long with one read. */
  poolRatesReadMs: 6 * 3_600_000,
  /** What was seen of a pool so long ago counts half. Zones change over hours: Wu et al., "Can't Be Late" (NSDI '24), §2.2. */
  poolRatesHalfLifeMs: 6 * 3_600_000,
  /** From asking for a machine to training on it, paid: 0.2 hours, the same, §6.1. */
  machineStartSeconds: 720,
  poolRatesKeptMs: 300_000,
  /** Between two looks of a tracker at the ledger, which BigQuery loads as seldom; after so long without one that succeeds it is given up. */
  trackerLookMs: 300_000,
  /** Rows come to the ledger in batches, with the times of their trainers' clocks: those of so long before the last look are read again. */
  trackerOverlapMs: 3_600_000,
  trackerTroubleMs: 7 * 24 * 3_600_000,
  /** A look for a machine is begun anew then: an autoscaler that gave up looks again. */
  capacityRenewedSeconds: 3600,
  /** A quota or an admission that refuses is not asked without a pause. */
  capacityRefusedSeconds: 60,
  /** Progress records are looked for at this pace while they come, and more seldom while they do not. */
  recordsLookFirstMs: 500,
  recordsLookLongestMs: 10_000,
  /** Whether an attempt on several machines, of which one is to go, has saved: from, to. */
  letGoLookFirstMs: 50,
  letGoLookLongestMs: 250,
  /** Whether a Job that is being removed is gone: from, to. */
  removalLookFirstMs: 50,
  removalLookLongestMs: 30_000,
  /** A log that is kept is never further behind. */
  logPieceMs: 30_000,
  /** Two starts of a machine, with image and checkpoint: the one that a last preemption on spot costs, and that of on-demand. */
  restartReserveSeconds: 1500,
  /** What a queue says of the Jobs that wait in it is asked so long after the first of them, and again so long after each answer. */
  queueAskedFirstMs: 5_000,
  queueAskedAgainMs: 60_000,
  /** What Jobs use of their machines is asked so often, where their trainers do not say it. */
  useAskedMs: 60_000,
  /** Less is no look for a machine at all. */
  capacityWaitShortestSeconds: 10,
  /** A node of a pool that has machines joins within about two minutes; of several spot pools none is waited for much longer. */
  capacityWaitInTurnSeconds: 180,
  /** A workflow that goes on so much later than it was to had no worker: a busy one is not that late. */
  workersAwayMs: 60_000,
  /** After a crash: from, to. */
  crashPauseFirstSeconds: 5,
  crashPauseLongestSeconds: 300,
  /** After a round through all pools, none of which had a machine: from, to. */
  emptyPauseFirstSeconds: 30,
  emptyPauseLongestSeconds: 600,
  /** Between attempts that train nothing: from, to. */
  fruitlessPauseFirstSeconds: 5,
  fruitlessPauseLongestSeconds: 600,
  /** Between two looks at what was spent: from, to. */
  budgetCheckShortestSeconds: 5,
  budgetCheckLongestSeconds: 1800,
  /** A search with a promised end stops its trials so long before: a checkpoint and the ledger take a moment. From, to. */
  promiseMarginShortestSeconds: 20,
  promiseMarginLongestSeconds: 600,
  /** One object takes about one update a second; what many runs hit at once need not be renewed by each. */
  cacheRenewedMs: 60_000,
  /** Shipped code may have 64 MiB. */
  codeRenewedMs: 12 * 3600 * 1000,
  /** Until it is noted again that a tag is what it was. */
  imageSeenAgainMs: 10 * 60_000,
  /** Where the writer cannot be asked: in another container, on another machine, or before a restart of this one. */
  foreignTemporaryMs: 24 * 3600 * 1000,
  /** Statements that began before a table was replaced may still read the old version. */
  oldTableVersionMs: 24 * 3600 * 1000,
  /** 288 loads a table and day, however many processes append: BigQuery allows 1,500. */
  ledgerLoadMs: 5 * 60_000,
  /** Whether a job of BigQuery has ended: from, to. */
  warehouseJobLookFirstMs: 100,
  warehouseJobLookLongestMs: 5000,
  /** Lists are compared with what the watch told from time to time, should it ever have missed something. */
  relistMs: 300_000,
  /** A watch that broke is begun anew: from, to. */
  watchRetryFirstMs: 100,
  watchRetryLongestMs: 2_000,
  /** A right that is missing may be granted while we run; one that was refused in passing comes back sooner. */
  watchForbiddenRetryLongestMs: 60_000,
  /** Whether a pod has more to say. */
  podLogLookMs: 300,
  /** Searches that were terminated cannot let go: so often someone looks whether they still run. */
  tensorboardHoldersLookMs: 21_600_000,
  /** Trials save before they end: so long, and so often, their search is waited for. */
  earlierSearchLookMs: 10_000,
  /** A cluster that does not answer for so long has lost its attempts, where a profile has several; longer than a control plane is upgraded. */
  clusterLostSeconds: 900,
  /** Nobody has capacity: wait before asking the first pool again. */
  allPoolsEmptyMs: 60_000,
  /** A Job of a step that lasted so long has worked: what failed before does not count any more. */
  jobWorkedMs: 10 * 60_000,
  /** Trials that were terminated by hand say nothing: so often someone looks. */
  trialsLookSeconds: 60,
  curveWatchLongestSeconds: 900,
  /** Inherited trials tell of their end by signal; one that was terminated does not. */
  inheritedTrialsLookSeconds: 60,
  /** A search that has run long may hear of its points a little later: its history stays small. */
  pointsGatheredShortestSeconds: 1,
  pointsGatheredLongestSeconds: 60,
  /** Before a search continues as new, nothing came for so long. */
  quietMs: 300,
  /** Trials that report all the time leave no quiet moment. */
  quietWaitLongestMs: 60_000,
  /** What waits for a system that is away so long is cancelled, and begun anew by the next run. */
  drainingPatienceMs: 10_000,
  /** A trial that has told its end closes in a moment; its name is free then. */
  trialClosesMs: 1_000,
  /** Stopping rules that go by time are looked at so often. */
  ruleCheckSeconds: 60,
  /** Holders that were terminated cannot release: so often someone looks whether they still run. */
  poolHoldersLookMs: 10 * 60_000,
  /** An empty gate ends; the next request starts another one. */
  poolGateIdleMs: 60 * 60_000,
  /** A place in a pool is asked for again, should the gate have forgotten. */
  poolPlaceAskedAgainMs: 3_600_000,
  /** Points of learning curves are looked for: from, to. */
  curveLookFirstMs: 500,
  curveLookLongestMs: 10_000,
  /** Inherited trials tell of their end by signal; this only finds the ones that were terminated. */
  inheritedTrialsAskedMs: 60_000,
  /** Rows of progress wait so long for more of them. */
  ledgerBatchMs: 30_000,
  /** An activity that worked for so long before an error has made progress: the errors before do not count any more. */
  activityProgressMs: 10 * 60_000,
  /** A trial whose search was terminated looks for it; an old one must keep its history short: some twenty looks in five days. */
  searchLookFirstMs: 30 * 60_000,
  searchLookLongestMs: 360 * 60_000,
} as const;

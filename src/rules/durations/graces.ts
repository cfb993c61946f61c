/**
 * Promises to others, starts and time limits of single requests (SIGTERM's grace, heartbeats, whole seconds of Kubernetes), and what a person sees:
 * a soak leaves them as they are.
 */
export const GRACES = {
  /** Tables of a warehouse that only a retry asks for again: scores of what a model is compared with, and ranks. */
  tablesBetweenDays: 7,
  /** What an attempt uses of its machine is judged by no shorter measurement. */
  judgedUseSeconds: 60,
  /** A promised end or cost is not looked at more often. */
  promiseLookShortestSeconds: 1,
  /** From a machine to a running container: pulling a large image, mounting volumes. */
  containerStartingSeconds: 1_800,
  /** Image or container trouble that may pass: a registry that is away, a secret that is still to come. */
  containerRecoverySeconds: 300,
  /** The reason of a wait comes a moment after the wait itself. */
  waitReasonSeconds: 3,
  /** A kubelet that told of the last container's end tells of the pod's about a second later, and within its next round in the worst case. */
  podEndAfterContainersSeconds: 30,
  /** Containers beside the main one end soon after it, or not at all. */
  sidecarEndSeconds: 5,
  /** Nodes that fall silent all at once are rather a control plane that lost sight of them: so long they may come back. */
  silentClusterSeconds: 120,
  /** A name is free when the Job that had it is gone; one on a lost machine may never be. */
  nameFreeSeconds: 120,
  /** A Job that was asked to go is waited for so long before the next attempt; fencing makes it safe to leave it behind. */
  removalPatienceSeconds: 15,
  /** The end of a log is read before its Job goes; where the machine itself goes, nothing waits for it. */
  logEndMs: 1_000,
  /** What is left of a log when its Job has ended comes behind, for so long: of a machine that has vanished nothing comes, and nobody closes its connection. */
  logBehindMs: 600_000,
  /** Between SIGTERM and SIGKILL of a Job that is a process of this machine. */
  processGraceSeconds: 15,
  /** An API server that does not answer a small request in this time is away. */
  apiAnswerMs: 15_000,
  /** Where the API server knows no Kueue, Workloads are asked for again so long after. */
  queueAbsentMs: 600_000,
  /** Where nobody serves metrics of pods, they are asked for again so long after. */
  metricsAbsentMs: 600_000,
  /** A Job that was asked to end and does not, beyond its own grace: it is removed then. */
  stopBeyondGraceSeconds: 60,
  /** A Job that was asked to end is asked again after its grace and so long. */
  askedAgainBeyondGraceSeconds: 5,
  /** Clocks of control plane and nodes are taken to agree within this. */
  clockSkewSeconds: 30,
  /** The longest that a timer of Node's may be set to; longer waits look again in between. */
  longestTimerMs: 3_600_000,
  /** A TensorBoard that does not start is done without. */
  tensorboardStartMs: 300_000,
  /** Whether a wait has lasted so long that it is told. */
  waitLookMs: 5_000,
  /** Between two heartbeats. */
  heartbeatLongestMs: 10_000,
  /** Whether another run has made what this one needs as well: from, to; a cancellation is heard of as often. */
  otherRunLookMs: 2_000,
  otherRunLookLongestMs: 10_000,
  /** Somebody else's address or command may take so long. */
  webhookMs: 10_000,
  trackerRequestMs: 30_000,
  /** From SIGTERM to SIGKILL of a program that tells a tracker. */
  trackerGraceMs: 5_000,
  /** A run that has ended waits so long for a tracker to hear of it; after that it hears later. */
  trackerEndMs: 60_000,
  notifyCommandMs: 30_000,
  /** Below the 30 s that Kubernetes gives a pod by default. Activities that only watch let go at once. */
  workerShutdownMs: 10_000,
  workerShutdownForcedMs: 20_000,
  /** A worker that goes waits so long for what goes on behind its activities; then it ends, whatever still holds it. */
  workerBehindMs: 5_000,
  workerEndMs: 5_000,
  /** Cancellations arrive on heartbeats; the default throttle would delay them up to a minute. */
  heartbeatThrottleMs: 2_000,
  /** A server that is starting is waited for, and asked so often. */
  temporalConnectMs: 60_000,
  temporalConnectRetryMs: 250,
  /** A collector that is away must not hold up a command's end. */
  tracesFlushMs: 2000,
  /** Servers of this machine start within so long, and are asked so often. */
  temporalStartMs: 30_000,
  temporalStartLookMs: 50,
  /** A log that cannot be written is tried again. */
  processLogRetryMs: 5000,
  emulatorStartMs: 60_000,
  emulatorStartLookMs: 50,
  /** A process that died is started again: from, to. */
  restartFirstMs: 200,
  restartLongestMs: 10_000,
  /** After so long without dying, the next death is a first one again. */
  processSteadyMs: 30_000,
  /** A process that was asked to stop is killed after so long. */
  processStopMs: 12_000,
  /** Whether others still use the servers of a project. */
  stackUsersLookMs: 500,
  /** A run's start waits so long for the training worker of a cluster. */
  clusterWorkerMs: 60_000,
  /** What a person follows in a terminal is looked at so often. */
  jobsFollowedLookMs: 1_000,
  treeLookMs: 500,
  linesLookMs: 1000,
  runLookMs: 500,
  /** Someone waits in front of a page or a terminal. */
  searchAnswerMs: 60_000,
  /** Runs that were due while the server was away are still started for so long. */
  scheduleCatchUpMs: 86_400_000,
  /** A client does not wait longer for a connection. */
  clientConnectMs: 5000,
  /** A port of this machine says at once whether anything listens. */
  refusedMs: 1000,
  /** A workflow whose task failed is asked again. */
  notReadyMs: 1500,
  /** A connection that brings nothing for so long is given up; a slow one is not. */
  storeStallMs: 30_000,
  /** A store that does not answer one request in this time is away. */
  storeAnswerMs: 60_000,
  /** Whether a lock is free: from, to. */
  lockLookFirstMs: 1,
  lockLookLongestMs: 25,
  tensorboardProcessStartMs: 100_000,
  tensorboardProcessLookMs: 200,
  /** Whether a Job that is a process has gone. */
  processRemovalLookMs: 20,
  /** A supervisor that is so much later than its Job's grace is stuck. */
  processRemovalSeconds: 10,
  processLookMs: 50,
  /** A supervisor that was started tells so within so long, and is asked so often. */
  processClaimMs: 30_000,
  processClaimLookMs: 5,
  /** Whether a Job that is a process has more to say. */
  processLogLookMs: 100,
  /** A scorer tells so often how far it is, and ends within so long. */
  scorerProgressMs: 1000,
  scorerGraceMs: 5000,
  /** A kubelet that does not answer is not waited for: the sign is more urgent than the log. */
  podLogTailMs: 3_000,
  /** A log may be quiet for long; the API server's own limit on a stream is hours. */
  podLogSilenceMs: 4 * 3_600_000,
  /** The server ends a watch after this and says how far it got just before; a new one costs one request. */
  watchSeconds: 20,
  /** A list of many objects may take so long. */
  listMs: 60_000,
  /** The clock in an answer's header has whole seconds, and the answer was under way. */
  headerResolutionMs: 1_500,
  /** Times of pods are whole seconds. */
  podTimeResolutionMs: 1_000,
  /** Shorter than load balancers keep a connection that nobody uses. */
  idleConnectionMs: 30_000,
  /** A job of BigQuery that is to end does so within so long, or ends by itself. */
  warehouseJobCancelMs: 30_000,
  /** A statement is translated within so long. */
  translatorAnswerMs: 60_000,
  /** A statement tells so often how far it is; one that is to end is told so again. */
  queryProgressMs: 1000,
  queryInterruptMs: 20,
  /** git answers within so long, or there is no commit. */
  gitAnswerMs: 10_000,
  /** Longer than machines have to commit a checkpoint, shorter than proxies wait for an answer. */
  consoleStopMs: 50_000,
  /** A change is to be on the page within half a second; a look at what has not moved costs nothing. */
  consoleModelLookMs: 100,
  /** What has moved is asked for so soon, and more seldom while change follows change. */
  questionFirstMs: 250,
  questionLongestMs: 1000,
  /** A long poll for changes is beyond the server's own limit of 20 s when it is given up, and begun again: from, to. */
  changesPollMs: 70_000,
  changesRetryFirstMs: 500,
  changesRetryLongestMs: 10_000,
  /** Whether an activity is still wanted: Temporal answers within so long, and is asked again. */
  cancellationAnswerMs: 5_000,
  cancellationRetryMs: 200,
  /** A question that was not answered for so long: is there a worker? One that waits for tasks asks again within a minute. */
  unservedLookMs: 3_000,
  pollerSilentMs: 75_000,
  /** A worker tells so often that it lives, one that is silent for three times as long is dead, and others look so often. */
  workerAliveSeconds: 5,
  workerSilentMs: 15_000,
  deadWorkersLookMs: 5_000,
  /** A server hears of a worker's version a moment after it polls; meanwhile the version cannot be made current. */
  firstVersionRetryMs: 1_000,
  /** So long after the last question or event stream a run is forgotten. */
  consoleModelKeptMs: 120_000,
  /** Whether a run that had ended was run again is asked of the list of runs. */
  consoleReopenedLookMs: 5_000,
  /** Proxies cut connections that stay silent for a minute. */
  consoleHeartbeatMs: 15_000,
  consoleReconnectMs: 1000,
  consoleLogFlushMs: 100,
  tailLookShortestMs: 250,
  tailLookLongestMs: 3000,
  runListLookMs: 1000,
  /** The page above all runs: machines and open runs; schedules and clusters. */
  overviewLookMs: 10_000,
  overviewCalendarMs: 30_000,
  /** Ledgers are read again so long after the last time, where runs began or ended; where they only went on. */
  overviewLedgerMs: 60_000,
  overviewLedgerLongestMs: 300_000,
  tokenClockSkewSeconds: 30,
  /** A browser asks so seldom whether the web UI may ask a codec server. */
  preflightSeconds: 600,
  /** An OIDC provider says within so long where its keys are. */
  oidcAnswerMs: 5_000,
  sessionHours: 12,
  /** Another replica hears so much later that a session was ended. */
  revocationLookMs: 5_000,
  revocationAnswerMs: 5_000,
  /** What keeps a revocation is timed out so long after the last session that it may have ended. */
  revocationTimeoutMs: 1_000,
  /** Wrong tokens of so long count together. */
  guessesMs: 60_000,
  /** A decision is heard so long after it was signed: an outage in between is asked again. */
  signatureMs: 600_000,
  pageLogAgainMs: 1500,
  pageEventsAgainMs: 2000,
  pageFilesLookMs: 10_000,
  /** An activity that failed is tried again by Temporal: from, to. */
  activityRetryFirstMs: 1_000,
  activityRetryLongestMs: 120_000,
  /** An activity that let go of its work for another worker begins there at once. */
  handedOverMs: 100,
  /** After the death of a worker its activities wait so long for the next one. */
  heartbeatTimeoutMs: 15_000,
  /**
   * Of what lasts for days. Temporal Cloud bills each heartbeat, and of four trials they were nine tenths of the bill. It beats every two minutes;
   * what a dead worker had is found sooner (workers/dead-workers.ts), and a stop does not wait for a heartbeat (`askAttemptToEnd`).
   */
  heartbeatTimeoutOfDaysMs: 150_000,
  /** Small requests to the object store and the warehouse. */
  smallRequestMs: 300_000,
  /** BigQuery ends a job after six hours by itself; a day leaves room for its queue. */
  warehouseJobMs: 24 * 3_600_000,
  /** A Job may train for weeks; its own deadline is the step's. */
  jobMs: 60 * 24 * 3_600_000,
  /** A worker that could end what is cancelled is waited for so long. */
  workerForEndingMs: 120_000,
  /** A cluster of several is asked whether it is there before an attempt: one that has not answered by then does not. */
  clusterAnswerMs: 20_000,
  /** While attempts run there it is asked so often, more often where it is to be given up soon. */
  clusterAskedLongestMs: 60_000,
  /** A job of BigQuery that cannot be ended ends by itself. */
  warehouseJobEndMs: 600_000,
  notificationMs: 60_000,
  /** Watching activities begin anew after so long. */
  watchingMs: 2 * 3_600_000,
  watchingRetryLongestMs: 60_000,
  /** Rebuilding a study of a thousand trials takes up to a minute. */
  samplerMs: 900_000,
  samplerHeartbeatMs: 120_000,
  tensorboardCallMs: 120_000,
  /** A checkpoint of many gigabytes is copied through a worker. */
  checkpointCopyMs: 6 * 3_600_000,
  /** A person waits for the answer. */
  answerMs: 60_000,
  answerTryMs: 30_000,
  /** A server of this machine answers within so long, or is not there. */
  serverAnswerMs: 1_000,
  /** A registry of images, its token included: who compiles waits for it. */
  registryAnswerMs: 3_000,
  translatorStopMs: 2_000,
  /** The console's pages. */
  pageReadAgainMs: 3_000,
  pageHiddenDrawMs: 250,
  pageCopiedMs: 1_500,
  pageClockMs: 1_000,
  /** Logs of attempts, where a profile does not say. */
  logsKeptDays: 90,
  /** Checkpoints of ended searches, likewise. */
  checkpointsKeptDays: 90,
  /** Longer than what a run begins with goes without being renewed (`codeRenewedMs`). */
  codeKeptMs: 24 * 3600 * 1000,
  /** A Job that only looks for a machine has nothing to save. */
  lookGraceSeconds: 1,
  readinessSeconds: 2,
  /** About a minute in all; what lasts longer is for Temporal's retries, where people see it. */
  googleRetryFirstMs: 250,
  googleRetryLongestMs: 16_000,
  tensorboardGraceSeconds: 2,
  /** Kubernetes' shortest deadline: it ends a Job that is to end. */
  deadlineOfEndedSeconds: 1,
  /** A watch that ends sooner, without a word, has failed. */
  watchShortestMs: 1_000,
  processProgressMs: 1_000,
  /** Notes of jobs (`jobs/`) serve retries only; all else is somebody's result or checkpoint. */
  jobNotesDays: 30,
  /** A replayed search looks one second after the limit: now and then, and not at the moment. */
  replayedLookSeconds: 1,
  /** `longhaul trial check`, and `silenceSeconds` of a search, unless it says otherwise. */
  trialCheckSeconds: 300,
  silenceSeconds: 600,
} as const;

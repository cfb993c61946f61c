/**
 * Every duration of the product has its home here, with its unit in its name. Pure.
 *
 * `WAITS` are patience and pace: what is divided when five days are played in minutes. `GRACES` are promises to others (SIGTERM's grace,
 * a connection's time limit, whole seconds of Kubernetes) and stay as they are.
 */
export const WAITS = {
  /** Image or container trouble that may pass: a registry that is away, a secret that is still to come. */
  containerMendingSeconds: 300,
  /** From a machine to a running container: pulling a large image, mounting volumes. */
  containerStartingSeconds: 1_800,
  /** The reason of a wait comes a moment after the wait itself. */
  waitReasonSeconds: 3,
  /** A kubelet that told of the last container's end tells of the pod's about a second later, and within its next round in the worst case. */
  podEndAfterContainersSeconds: 30,
  /** Containers beside the main one end soon after it, or not at all. */
  sidecarEndSeconds: 5,
  /** Nodes that fall silent all at once are rather a control plane that lost sight of them: so long they may come back. */
  silentClusterSeconds: 120,
  /** Between two tries of what a foreign system refused: from, to. */
  foreignRetryFirstMs: 500,
  foreignRetryLongestMs: 60_000,
  /** A foreign system that refuses for so long is not going to mend. */
  foreignTroubleSeconds: 24 * 3600,
  /** Trouble that lasts longer is worth telling a person. */
  foreignTroubleToldSeconds: 10,
  /** A wait of an attempt is told to its trial when it has lasted so long, and again after so long, twice so long, … */
  waitToldSeconds: 120,
  waitToldAgainSeconds: 600,
  /** A look for a machine is begun anew then: an autoscaler that gave up looks again. */
  capacityRenewedSeconds: 3600,
  /** A quota or an admission that refuses is not asked without a pause. */
  capacityRefusedSeconds: 60,
  /** Progress records are looked for at this pace while they come, and more seldom while they do not. */
  recordsLookFirstMs: 500,
  recordsLookLongestMs: 10_000,
  /** Whether a Job that is being removed is gone: from, to. */
  removalLookFirstMs: 50,
  removalLookLongestMs: 30_000,
  /** A name is free when the Job that had it is gone; one on a lost machine may never be. */
  nameFreeSeconds: 120,
  /** A Job that was asked to go is waited for so long before the next attempt; fencing makes it safe to leave it behind. */
  removalPatienceSeconds: 15,
  /** A log that is kept is never further behind. */
  logPieceMs: 30_000,
  /** The end of a log is read before its Job goes; where the machine itself goes, nothing waits for it. */
  logEndMs: 1_000,
} as const;

export const GRACES = {
  /** Between SIGTERM and SIGKILL of a Job that is a process of this machine. */
  processGraceSeconds: 15,
  /** An API server that does not answer a small request in this time is away. */
  apiAnswerMs: 15_000,
  /** A Job that was asked to end and does not, beyond its own grace: it is removed then. */
  stopBeyondGraceSeconds: 60,
  /** A Job that was asked to end is asked again after its grace and so long. */
  askedAgainBeyondGraceSeconds: 5,
  /** Clocks of control plane and nodes are taken to agree within this. */
  clockSkewSeconds: 30,
  /** The longest that a timer of Node's may be set to; longer waits look again in between. */
  longestTimerMs: 3_600_000,
} as const;

/** Beside how the Job of a trial's first attempt ended: nothing. */
export const NO_EVIDENCE = {
  attempt: 1,
  latest: null,
  hasResult: false,
  stopRequested: false,
  silentSeconds: null,
  newerAttempt: null,
  isTrial: true,
} as const;

/** How fast a search goes and what it will have cost, for terminal and console. Pure. */
import type { SearchState, TrialState } from '../contract/state.ts';

const HOUR_MS = 3_600_000;

type Standing = Pick<TrialState, 'status' | 'held'>;

/** Whether it says what the next ones will take. Most that are held at a rung go no further; a failed or cancelled one says nothing. */
const isSettled = ({ status, held }: Standing): boolean => status === 'succeeded' || status === 'stopped' || held === true;

const isOpen = (trial: Standing): boolean => ['running', 'paused', 'queued'].includes(trial.status) && !isSettled(trial);

/** Milliseconds that it trained; of a row of the ledger or an older worker, those from start to end. */
function trainedMs({ trainedSeconds, trainsSince, startedAt, endedAt }: TrialState, now: number): number {
  if (trainedSeconds !== undefined) return trainedSeconds * 1000 + (trainsSince === undefined ? 0 : Math.max(0, now - trainsSince));
  return startedAt === null ? 0 : Math.max(0, (endedAt ?? now) - startedAt);
}

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of trials that were not begun yet. */
const notBegun = ({ trials, plannedTrials }: SearchState): number =>
  Math.max(0, plannedTrials - trials.filter(({ status }) => status !== 'queued').length);

/** Milliseconds until the planned trials are done, at the mean of the settled ones; null while there is none. */
export function remaining(search: SearchState, now: number): number | null {
  const mean = meanOf(search.trials.filter(isSettled).map((trial) => trainedMs(trial, now)));
  if (mean === null) return null;
  const running = search.trials.filter(({ status }) => status === 'running');
  const rests = running.reduce((sum, trial) => sum + Math.max(0, mean - trainedMs(trial, now)), 0);
  return (notBegun(search) * mean + rests) / Math.max(1, search.parallel);
}

/** Settled trials an hour since the first began; null while there is none. */
export function trialsPerHour(search: SearchState, now: number): number | null {
  const settled = search.trials.filter(isSettled).length;
  const began = Math.min(...search.trials.map((trial) => trial.startedAt ?? Number.POSITIVE_INFINITY));
  return settled === 0 || now <= began ? null : settled / ((now - began) / HOUR_MS);
}

/** What trials that go on and those that are to come will cost yet, at the mean of the settled ones; null while there is none. */
export function costToCome(trials: readonly (Standing & Pick<TrialState, 'cost'>)[], planned: number): number | null {
  const mean = meanOf(trials.filter(isSettled).map(({ cost }) => cost));
  if (mean === null) return null;
  const rests = trials.filter(isOpen).reduce((sum, { cost }) => sum + Math.max(0, mean - cost), 0);
  return rests + Math.max(0, planned - trials.length) * mean;
}

/** What the planned trials will have cost; null where trials cost nothing or none is settled. */
export function costForecast({ trials, plannedTrials, cost }: SearchState): number | null {
  const toCome = costToCome(trials, plannedTrials);
  return toCome === null || trials.filter(isSettled).every((trial) => trial.cost === 0) ? null : cost + toCome;
}

/** Validation points a minute, of a trial that trains; null before the first one. */
export function pointsPerMinute(trial: TrialState, now: number): number | null {
  const took = trainedMs(trial, now);
  return trial.status !== 'running' || trial.points === 0 || took <= 0 ? null : trial.points / (took / 60_000);
}

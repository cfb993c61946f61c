/** How fast a search goes, for terminal and console. Pure. */
import type { SearchState } from '../contract/state.ts';

/** Milliseconds until the planned trials are done, at the mean pace of the ended ones; null while none has ended. */
export function remaining(search: SearchState, now: number): number | null {
  const took = search.trials.flatMap((trial) =>
    trial.status === 'succeeded' && trial.startedAt !== null && trial.endedAt !== null ? [trial.endedAt - trial.startedAt] : [],
  );
  if (took.length === 0) return null;
  const mean = took.reduce((sum, value) => sum + value, 0) / took.length;
  const running = search.trials.filter((trial) => trial.status === 'running');
  const begun = search.trials.filter((trial) => trial.status !== 'queued').length;
  const spent = running.reduce((sum, trial) => sum + Math.min(mean, now - (trial.startedAt ?? now)), 0);
  const work = (Math.max(0, search.plannedTrials - begun) + running.length) * mean - spent;
  return work / Math.max(1, search.parallel);
}

/** What a search has spent so far, also of attempts that still run. Pure but for the state that it reads. */
import type { Pool } from '../../src/contract/profile.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { Spent } from '../../src/rules/budget.ts';
import { startedTrials } from './started-trials.ts';
import type { SearchRun } from './state.ts';

const MS_PER_HOUR = 3_600_000;

const poolOf = (run: SearchRun, record: TrialRecord): Pool | undefined =>
  run.input.profile.pools.find((pool) => pool.name === record.state.pool);
/** Of all machines of a trial. */
const pricePerHour = (run: SearchRun, record: TrialRecord): number =>
  (poolOf(run, record)?.pricePerHour ?? 0) * (run.input.spec.resources.nodes ?? 1);

/** Cost with what the running attempt has added. */
export function liveCost(run: SearchRun, record: TrialRecord, now: number): number {
  return record.state.cost + (runningMs(record, now) / MS_PER_HOUR) * pricePerHour(run, record);
}

/** Seconds that the trial had a machine. */
export function trainedSeconds(record: TrialRecord, now: number): number {
  return (record.busyMs + runningMs(record, now)) / 1000;
}

const runningMs = (record: TrialRecord, now: number): number => (record.runningSince === null ? 0 : Math.max(0, now - record.runningSince));

export function spent(run: SearchRun, now: number): Spent {
  const { memory } = run;
  const paused = memory.pausedMs + (memory.pausedSince === null ? 0 : now - memory.pausedSince);
  return {
    cost: memory.records.reduce((sum, record) => sum + liveCost(run, record, now), memory.scoringCost ?? 0),
    hours: (now - memory.startedAt - paused) / MS_PER_HOUR,
    trials: startedTrials(memory),
  };
}

export function costPerSecond(run: SearchRun): number {
  return run.memory.records.reduce((sum, record) => sum + (record.runningSince === null ? 0 : pricePerHour(run, record) / 3600), 0);
}

/** The attempt that ran until now has ended or paused. */
export function endRunning(record: TrialRecord, now: number): void {
  record.busyMs += runningMs(record, now);
  record.runningSince = null;
}

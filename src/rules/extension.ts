/** What an extended search takes over from the one that it goes on with. Pure. */
import type { SearchCarried, TrialRecord } from '../contract/search.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { promotes } from './halving.ts';
import { HELD, holdAgain, wasHeld } from './held-trials.ts';
import { reopen } from './reopened-trials.ts';

/**
 * Changes what an ended search knew into what this one begins with. Trials that were held are held again, those that its end stopped are queued, and
 * where training is longer now the finished ones go on as well; all from their checkpoints. The others stay as they ended. What they cost was paid by
 * the other run. Returns the numbers of those that can go on.
 *
 * @param holdsAgain also those that were held when the search ended before its time; false while a history from before that is replayed, and where no
 *   scheduler promotes
 */
export function takeOver(memory: SearchCarried, spec: SearchSpec, now: number, holdsAgain: boolean): number[] {
  const endReason = memory.finishing?.reason ?? null;
  const open: number[] = [];
  for (const record of memory.records) {
    const how = holdsAgain && wasHeld(record) ? 'held' : howItGoesOn(record, spec, endReason);
    Object.assign(record, { active: false, inherited: false, heard: null, unrecorded: false, runningSince: null, adopted: true });
    Object.assign(record.state, { cost: 0, onDemandCost: 0, lostCost: 0, pool: null });
    if (record.carried) record.carried = { ...record.carried, cost: 0, onDemandCost: 0, lostCost: 0 };
    if (how === 'over') continue;
    const { halving } = record;
    if (how === 'held') holdAgain(record);
    else {
      if (halving) Object.assign(halving, { held: false, allowed: halving.rungs.length });
      reopen(record, 'queued', null);
    }
    // A rule that stopped it would do so again.
    if (spec.takesOver?.thaw) record.state.kept = true;
    open.push(record.state.trial);
  }
  Object.assign(memory, {
    startedAt: now,
    status: 'running',
    reason: null,
    parallel: spec.parallel,
    plannedTrials: Math.max(spec.scheduler?.kind === 'pbt' ? spec.scheduler.population : spec.trials, memory.records.length),
    budget: spec.budget,
    finishing: null,
    recording: null,
    exhausted: false,
    pausedMs: 0,
    pausedSince: null,
    generation: 0,
    tensorboard: undefined,
  });
  return open;
}

function howItGoesOn(record: TrialRecord, { scheduler, takesOver }: SearchSpec, endReason: string | null): 'over' | 'held' | 'queued' {
  const { state, told, stopping, halving } = record;
  if (takesOver?.thaw) return takesOver.thaw.some(({ trial }) => trial === state.trial) ? 'queued' : 'over';
  const isPromoted = promotes(scheduler) && halving !== undefined;
  if (state.status === 'succeeded') return takesOver?.longer === true ? (isPromoted ? 'held' : 'queued') : 'over';
  if (told === null || state.status === 'cancelled') return state.startedAt === null ? 'queued' : isPromoted ? 'held' : 'queued';
  if (state.status !== 'stopped') return 'over';
  if (isPromoted && state.reason?.startsWith(HELD)) return 'held';
  return endReason !== null && (stopping === endReason || state.reason === endReason) ? 'queued' : 'over';
}

/** Pausing and resuming a run: a state that its searches are told of until they have heard it, whenever they begin. */
import { defineSignal, isCancellation, patched } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import { SIGNALS } from '../../src/contract/names.ts';
import type { UpdateAnswer, Who } from '../../src/contract/search-updates.ts';
import { extended } from '../../src/rules/budget.ts';
import type { Spent } from '../../src/rules/budget.ts';
import type { Run, RunningSearch } from './run.ts';

const pauseSearch = defineSignal(SIGNALS.pause);
const resumeSearch = defineSignal(SIGNALS.resume);
const MS_PER_HOUR = 3_600_000;

export async function pause(run: Run, who?: Who): Promise<UpdateAnswer> {
  beginPause(run);
  run.pausedBySomeone = true;
  run.view.state.reason = `paused by ${who?.by ?? 'unknown'}${who?.why ? `: ${who.why}` : ''}`;
  run.changed();
  await Promise.all(tellSearches(run, pauseSearch));
  return { text: `${run.name} is paused: no new step starts, searches pause their trials` };
}

/** Gives back what the pause took; a run that stands at its budget gets as much again. */
export async function resume(run: Run, who?: Who): Promise<UpdateAnswer> {
  if (run.atBudget) run.budget = extended(run.budget, run.document.budget, spentBy(run));
  if (run.pausedAt !== null) run.pausedMs += Date.now() - run.pausedAt;
  Object.assign(run, { paused: false, pausedAt: null, pausedBySomeone: false, atBudget: false, budgetWaived: true });
  run.view.state.reason = null;
  run.changed();
  await Promise.all(tellSearches(run, resumeSearch));
  return { text: `${run.name} goes on, by ${who?.by ?? 'unknown'}` };
}

/** @throws a refusal, where the run is not paused */
export function checkResume(run: Run): void {
  const { status } = run.view.state;
  if (!run.paused) throw ApplicationFailure.nonRetryable(`${run.name} is ${status}, not paused`, 'InvalidInput');
}

/** No further step starts. */
export function beginPause(run: Run): void {
  run.paused = true;
  run.pausedAt ??= Date.now();
}

export const spentBy = (run: Run): Spent => ({ cost: run.view.state.cost, hours: hoursOf(run), trials: 0 });

/** Since it began, without its pauses. */
function hoursOf({ view, pausedAt, pausedMs, document }: Run): number {
  const now = Date.now();
  const paused = pausedMs + (pausedAt === null ? 0 : now - pausedAt);
  const counts = paused > 0 && document.budget.hours !== undefined && patched('pauses-cost-no-hours');
  return (now - view.state.startedAt - (counts ? paused : 0)) / MS_PER_HOUR;
}

function tellSearches(run: Run, signal: typeof pauseSearch | typeof resumeSearch): Promise<void>[] {
  const searches = [...run.searches.values()];
  if (run.reconciles) return searches.map((search) => reconcileSearch(run, search));
  return searches.map((search) => search.signal(signal as typeof pauseSearch));
}

/** Tells a search what is wanted until that is what it heard last. One that has ended needs no word. */
export function reconcileSearch(run: Run, search: RunningSearch): Promise<void> {
  search.telling ??= tell(run, search).finally(() => {
    search.telling = null;
  });
  return search.telling;
}

async function tell(run: Run, search: RunningSearch): Promise<void> {
  for (let wanted = wantedOf(run); wanted !== search.heard; wanted = wantedOf(run)) {
    await search.signal((wanted === 'pause' ? pauseSearch : resumeSearch) as typeof pauseSearch).catch((error: unknown) => {
      if (isCancellation(error)) throw error;
    });
    search.heard = wanted;
  }
}

const wantedOf = (run: Run): RunningSearch['heard'] => (run.pausedBySomeone ? 'pause' : 'run');

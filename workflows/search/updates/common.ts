/** What the updates of a search have in common: whom they mean, what they refuse, how they answer. */
import type { TrialRecord } from '../../../src/contract/search.ts';
import type { UpdateAnswer, Who } from '../../../src/contract/search-updates.ts';
import { numberIn, refuse } from './checks.ts';
import { decided, isOver, recordOf } from '../state.ts';
import type { SearchRun } from '../state.ts';

export { WHO } from './checks.ts';

export function trialOf(run: SearchRun, trial: unknown): TrialRecord {
  const count = run.memory.records.length;
  return (
    recordOf(run, numberIn(trial, 'trial', { integer: true, min: 0 })) ??
    refuse(`trial ${shownTrial(trial)}: there is no such trial; the search has ${count === 0 ? 'none yet' : `0 to ${count - 1}`}`)
  );
}

/** Finished trials are never touched. */
export function openTrial(run: SearchRun, trial: unknown): TrialRecord {
  const record = trialOf(run, trial);
  if (isOver(record) || record.ending !== null) refuse(`trial ${record.state.trial} is over: ${record.state.status}`);
  return record;
}

export function stillOpen(run: SearchRun): void {
  if (run.memory.finishing !== null) refuse(`the search is ending: ${run.memory.finishing.reason}`);
}

export const shownTrial = (trial: unknown): string => JSON.stringify(trial);

export function done(run: SearchRun, trial: number | null, text: string): UpdateAnswer {
  decided(run, trial, text);
  run.dirty = true;
  return trial === null ? { text } : { text: `trial ${trial} ${text}`, trial };
}

export function byWhom(who: Who | undefined): string {
  return `${who?.by ? ` by ${who.by}` : ''}${who?.why ? ` (${who.why})` : ''}`;
}

/** What a search answers to: its state, what its trials and its run tell it, and a hand on the wheel. docs/control.md lists the updates. */
import { defineQuery, defineSignal, setHandler } from '@temporalio/workflow';
import { INTERNAL_SIGNALS, QUERIES, SIGNALS } from '../../../src/contract/names.ts';
import type { EarlierSearch } from '../../../src/contract/search.ts';
import type { TrialReport, TrialSummary } from '../../../src/contract/trial-run.ts';
import type { SearchState, StatePage } from '../../../src/contract/state.ts';
import { listenToAnswers } from './answers.ts';
import { pauseSearch, resumeSearch } from '../budget-pause.ts';
import { listenToPauses } from './pauses.ts';
import { carriedState } from '../state.ts';
import type { SearchRun } from '../state.ts';
import { listenToSettings } from './settings.ts';
import { listenToTrialUpdates } from './trials.ts';
import { reported } from '../trials.ts';
import { ended } from '../trial-ends.ts';
import { stateOf } from '../view.ts';

export const stateQuery = defineQuery<SearchState, [StatePage?]>(QUERIES.state);
export const memoryQuery = defineQuery<EarlierSearch>(QUERIES.memory);
export const trialEndedSignal = defineSignal<[TrialSummary]>(INTERNAL_SIGNALS.trialEnded);
export const trialReportSignal = defineSignal<[TrialReport]>(INTERNAL_SIGNALS.trialReport);
/** From the run that the search belongs to. */
export const pauseSignal = defineSignal(SIGNALS.pause);
export const resumeSignal = defineSignal(SIGNALS.resume);

export function listen(run: SearchRun): void {
  setHandler(stateQuery, (page) => stateOf(run, page));
  setHandler(memoryQuery, () => ({ existed: true, carried: carriedState(run), life: run.input.life ?? null, output: run.output }));
  setHandler(trialEndedSignal, (summary) => {
    ended(run, summary);
  });
  setHandler(trialReportSignal, (report) => {
    reported(run, report);
  });
  setHandler(pauseSignal, () => {
    if (run.memory.status === 'running') pauseSearch(run, 'paused', 'paused with its run');
  });
  setHandler(resumeSignal, () => {
    if (run.memory.status === 'paused') resumeSearch(run, 'resumed with its run');
  });
  listenToPauses(run);
  listenToTrialUpdates(run);
  listenToSettings(run);
  listenToAnswers(run);
}

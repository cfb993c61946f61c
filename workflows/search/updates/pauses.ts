/** Updates that pause and resume a search, or one of its trials. */
import { defineUpdate, setHandler } from '@temporalio/workflow';
import { UPDATES } from '../../../src/contract/names.ts';
import type { PauseUpdate, ResumeUpdate, TrialRecord, UpdateAnswer } from '../../../src/contract/search.ts';
import { budgetExceeded, pauseSearch, resumeSearch } from '../budget.ts';
import { fieldsOf, refuse } from './checks.ts';
import { activeRecords, decided, isOver } from '../state.ts';
import type { SearchRun } from '../state.ts';
import { pauseTrial, resumeTrial } from '../trials.ts';
import { byWhom, done, openTrial, shownTrial, trialOf, WHO } from './common.ts';

export const pauseUpdate = defineUpdate<UpdateAnswer, [PauseUpdate?]>(UPDATES.pause);
export const resumeUpdate = defineUpdate<UpdateAnswer, [ResumeUpdate?]>(UPDATES.resume);

export function listenToPauses(run: SearchRun): void {
  const { memory } = run;
  const pausable = (payload?: PauseUpdate): void => {
    const fields = fieldsOf(payload ?? {}, ['trial', ...WHO]);
    if (fields.trial === undefined && memory.status !== 'running')
      refuse(`the search is ${memory.status}${memory.reason ? `: ${memory.reason}` : ''}`);
    if (fields.trial !== undefined && openTrial(run, fields.trial).held) refuse(`trial ${shownTrial(fields.trial)} is paused already`);
  };
  setHandler(
    pauseUpdate,
    (payload?: PauseUpdate) => {
      if (payload?.trial === undefined) {
        pauseSearch(run, 'paused', `paused${byWhom(payload)}`);
        return { text: `paused: ${activeRecords(run).length} trials commit a checkpoint and give their machines back` };
      }
      const record = openTrial(run, payload.trial);
      record.held = true;
      pauseTrial(run, record);
      return done(run, payload.trial, `paused${byWhom(payload)}`);
    },
    { validator: pausable },
  );
  setHandler(
    resumeUpdate,
    (payload?: ResumeUpdate) => {
      if (payload?.trial === undefined) {
        resumeSearch(run, `resumed${byWhom(payload)}`);
        return { text: 'the search goes on' };
      }
      const record = trialOf(run, payload.trial);
      if (isOver(record)) reopen(run, record);
      record.held = false;
      if (memory.status === 'running') resumeTrial(run, record);
      return done(run, payload.trial, `goes on${byWhom(payload)}`);
    },
    {
      validator: (payload?: ResumeUpdate) => {
        const fields = fieldsOf(payload ?? {}, ['trial', ...WHO]);
        if (fields.trial === undefined) resumable(run);
        else resumableTrial(run, trialOf(run, fields.trial));
      },
    },
  );
}

function resumable(run: SearchRun): void {
  const { memory } = run;
  if (memory.status !== 'paused' && memory.status !== 'waiting') refuse(`the search is ${memory.status}, not paused`);
  const cap = budgetExceeded(run);
  if (cap) refuse(`the budget is used up: ${cap}; raise it with set-budget, or approve to go on with as much again`);
}

function resumableTrial(run: SearchRun, record: TrialRecord): void {
  if (record.held || (isOver(record) && record.state.status === 'stopped')) return;
  if (record.asking !== null) refuse(`trial ${record.state.trial} waits for an answer: approve or reject it`);
  refuse(`trial ${record.state.trial} is ${record.state.status}; only paused and stopped trials can go on`);
}

/** A stopped trial goes on from its checkpoint, with the number of its next attempt. */
function reopen(run: SearchRun, record: TrialRecord): void {
  record.told = null;
  record.stopping = null;
  record.lastProgress = null;
  record.values = [];
  Object.assign(record.state, { status: 'queued', endedAt: null, reason: null, objective: null });
  decided(run, record.state.trial, 'a stopped trial goes on');
}

/** Updates that pause and resume a search, or one of its trials. */
import { defineUpdate, patched } from '@temporalio/workflow';
import { UPDATES } from '../../../src/contract/names.ts';
import type { PauseUpdate, ResumeUpdate, UpdateAnswer } from '../../../src/contract/search-updates.ts';
import type { TrialRecord } from '../../../src/contract/search.ts';
import { patientAgain } from '../../../src/rules/reopened-trials.ts';
import { budgetExceeded, pauseSearch, resumeSearch } from '../budget-pause.ts';
import { fieldsOf, refuse } from './checks.ts';
import { activeRecords, decided, isOver } from '../state.ts';
import { handleUpdate } from '../decisions.ts';
import type { SearchRun } from '../state.ts';
import { isHeld, isWithoutMachine, release } from '../held-trials.ts';
import { pauseTrial, resumeTrial } from '../trial-signals.ts';
import { byWhom, done, openTrial, shownTrial, stillOpen, trialOf, WHO } from './common.ts';

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
  handleUpdate(
    run,
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
  handleUpdate(
    run,
    resumeUpdate,
    (payload?: ResumeUpdate) => {
      if (payload?.trial === undefined) {
        resumeSearch(run, `resumed${byWhom(payload)}`);
        return { text: 'the search goes on' };
      }
      const record = trialOf(run, payload.trial);
      if (isOver(record)) reopen(run, record);
      else if (isHeld(record) || isWithoutMachine(record)) release(record);
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
  stillOpen(run);
  if (record.held || isHeld(record) || isWithoutMachine(record) || (isOver(record) && canGoOn(record))) return;
  if (record.asking !== null) refuse(`trial ${record.state.trial} waits for an answer: approve or reject it`);
  refuse(
    `trial ${record.state.trial} is ${record.state.status}; only paused and stopped trials can go on, and failed ones that have trained`,
  );
}

/** From its last checkpoint, if it got to one; a very large search does not remember the attempts of all. */
const canGoOn = ({ state, carried }: TrialRecord): boolean =>
  (state.status === 'stopped' && (carried !== null || state.startedAt === null)) ||
  (state.status === 'failed' && carried !== null && carried.samples > 0);

/** It goes on from its checkpoint, with the number of its next attempt. What a person lets go on, no rule stops again; failures count anew. */
function reopen(run: SearchRun, record: TrialRecord): void {
  record.told = null;
  record.stopping = null;
  record.lastProgress = null;
  record.values = [];
  const was = record.state.status;
  if (run.rules !== 1) {
    record.state.kept = true;
    if (record.carried) record.carried = patientAgain(record.carried);
    if (record.halving) release(record);
    if (run.input.spec.takesOver?.thaw && patched('thawed-trials-go-on')) record.unbounded = true;
  }
  Object.assign(record.state, { status: 'queued', endedAt: null, reason: null, objective: null });
  decided(run, record.state.trial, `a ${was} trial goes on`);
}

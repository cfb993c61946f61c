/** Updates that answer what a search has asked: a used up budget, or a trial's offline metric. */
import { defineUpdate } from '@temporalio/workflow';
import { UPDATES } from '../../../src/contract/names.ts';
import type { ApproveUpdate, RejectUpdate, UpdateAnswer } from '../../../src/contract/search-updates.ts';
import { extendBudget, resumeSearch } from '../budget-pause.ts';
import { fieldsOf, refuse } from './checks.ts';
import { handleUpdate } from '../decisions.ts';
import type { SearchRun } from '../state.ts';
import { finish, stopTrial } from '../trial-ends.ts';
import { resumeTrial } from '../trial-signals.ts';
import { byWhom, done, shownTrial, trialOf, WHO } from './common.ts';

export const approveUpdate = defineUpdate<UpdateAnswer, [ApproveUpdate?]>(UPDATES.approve);
export const rejectUpdate = defineUpdate<UpdateAnswer, [RejectUpdate?]>(UPDATES.reject);

export function listenToAnswers(run: SearchRun): void {
  const { memory } = run;
  const asked = (payload?: ApproveUpdate): void => {
    const fields = fieldsOf(payload ?? {}, ['trial', ...WHO]);
    if (fields.trial === undefined && memory.status !== 'waiting')
      refuse('the search does not wait for an answer; name the trial if one of them does');
    if (fields.trial !== undefined && trialOf(run, fields.trial).asking === null)
      refuse(`trial ${shownTrial(fields.trial)} does not wait for an answer`);
  };
  handleUpdate(
    run,
    approveUpdate,
    (payload?: ApproveUpdate) => {
      if (payload?.trial === undefined) {
        extendBudget(run);
        resumeSearch(run, `goes on${byWhom(payload)}, budget ${JSON.stringify(memory.budget)}`);
        return { text: `the search goes on, budget ${JSON.stringify(memory.budget)}` };
      }
      const record = trialOf(run, payload.trial);
      record.asking = null;
      if (memory.status === 'running') resumeTrial(run, record);
      return done(run, payload.trial, `goes on${byWhom(payload)}`);
    },
    { validator: asked },
  );
  handleUpdate(
    run,
    rejectUpdate,
    (payload?: RejectUpdate) => {
      if (payload?.trial === undefined) {
        memory.status = 'running';
        finish(run, `ended${byWhom(payload)} when its budget was used up`, false);
        return { text: 'running trials stop with a checkpoint; the search ends with what there is' };
      }
      const record = trialOf(run, payload.trial);
      const question = record.asking ?? '';
      record.asking = null;
      stopTrial(run, record, `rejected${byWhom(payload)}: ${question}`);
      return done(run, payload.trial, 'stops with a checkpoint');
    },
    { validator: asked },
  );
}

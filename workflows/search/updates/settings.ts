/** Updates that change a search for what comes: parallelism, budget, space, rules of stopping. */
import { defineUpdate } from '@temporalio/workflow';
import { UPDATES } from '../../../src/contract/names.ts';
import type {
  SetBudgetUpdate,
  SetParallelismUpdate,
  SetSpaceUpdate,
  SetStoppingUpdate,
  UpdateAnswer,
} from '../../../src/contract/search-updates.ts';
import { budgetExceeded, resumeSearch } from '../budget-pause.ts';
import { missingData } from '../../../src/rules/data-of-trial.ts';
import { checkedBudget, checkedSpace, checkedStopping, fieldsOf, numberIn, refuse } from './checks.ts';
import { handleUpdate } from '../decisions.ts';
import type { SearchRun } from '../state.ts';
import { byWhom, done, stillOpen, WHO } from './common.ts';

export const setParallelismUpdate = defineUpdate<UpdateAnswer, [SetParallelismUpdate]>(UPDATES.setParallelism);
export const setBudgetUpdate = defineUpdate<UpdateAnswer, [SetBudgetUpdate]>(UPDATES.setBudget);
export const setSpaceUpdate = defineUpdate<UpdateAnswer, [SetSpaceUpdate]>(UPDATES.setSpace);
export const setStoppingUpdate = defineUpdate<UpdateAnswer, [SetStoppingUpdate]>(UPDATES.setStopping);

/** The same as the schema of `search.parallel`: fewer than 500 pending children. */
const MAX_PARALLEL = 400;

export function listenToSettings(run: SearchRun): void {
  const { memory } = run;
  handleUpdate(
    run,
    setParallelismUpdate,
    (payload) => {
      memory.parallel = payload.parallel;
      return done(run, null, `${payload.parallel} trials at once${byWhom(payload)}; running ones are not stopped for it`);
    },
    {
      validator: (payload) =>
        void numberIn(fieldsOf(payload, ['parallel', ...WHO]).parallel, 'parallel', { integer: true, min: 1, max: MAX_PARALLEL }),
    },
  );
  handleUpdate(
    run,
    setBudgetUpdate,
    (payload) => {
      memory.budget = checkedBudget(memory.budget, payload);
      if (memory.status === 'waiting' && budgetExceeded(run) === null)
        resumeSearch(run, `goes on: the budget was changed${byWhom(payload)}`);
      return done(run, null, `budget ${JSON.stringify(memory.budget)}${byWhom(payload)}`);
    },
    { validator: (payload) => void checkedBudget(memory.budget, payload) },
  );
  handleUpdate(
    run,
    setSpaceUpdate,
    (payload) => {
      memory.space = checkedSpace(payload.space);
      memory.spaceVersion += 1;
      memory.exhausted = false;
      return done(run, null, `new trials come from another space${byWhom(payload)}; trials that there are stay as they are`);
    },
    {
      validator: (payload) => {
        stillOpen(run);
        const missing = missingData(run.input.spec, checkedSpace(fieldsOf(payload, ['space', ...WHO]).space));
        if (missing !== null) refuse(missing);
      },
    },
  );
  handleUpdate(
    run,
    setStoppingUpdate,
    (payload) => {
      memory.stopping = checkedStopping(payload.stopping);
      return done(run, null, `stopping by ${memory.stopping.map(({ kind }) => kind).join(', ') || 'no rule'}${byWhom(payload)}`);
    },
    { validator: (payload) => void checkedStopping(fieldsOf(payload, ['stopping', ...WHO]).stopping) },
  );
}

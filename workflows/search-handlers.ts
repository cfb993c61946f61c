/** A hand on the wheel: updates of a search, each with a validator, and what trials tell it. docs/control.md lists them. */
import { defineQuery, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import { INTERNAL_SIGNALS, QUERIES, SIGNALS, UPDATES } from '../src/contract/names.ts';
import type {
  AddTrialUpdate,
  ApproveUpdate,
  ForkTrialUpdate,
  KeepTrialUpdate,
  PauseUpdate,
  PrioritiseUpdate,
  RejectUpdate,
  ResumeUpdate,
  SetBudgetUpdate,
  SetParallelismUpdate,
  SetSpaceUpdate,
  SetStoppingUpdate,
  StopTrialUpdate,
  TrialRecord,
  TrialReport,
  TrialSummary,
  UpdateAnswer,
  Who,
} from '../src/contract/search.ts';
import type { SearchState } from '../src/contract/state.ts';
import { budgetExceeded, extendBudget, pauseSearch, resumeSearch } from './search-budget.ts';
import { checkedBudget, checkedParameters, checkedSpace, checkedStopping, fieldsOf, numberIn, refuse } from './search-checks.ts';
import { activeRecords, decided, isOver, newRecord, recordOf } from './search-run.ts';
import type { SearchRun } from './search-run.ts';
import { ended, finish, pauseTrial, reported, resumeTrial, stopTrial } from './search-trials.ts';
import { stateOf } from './search-view.ts';

export const stateQuery = defineQuery<SearchState>(QUERIES.state);
export const trialEndedSignal = defineSignal<[TrialSummary]>(INTERNAL_SIGNALS.trialEnded);
export const trialReportSignal = defineSignal<[TrialReport]>(INTERNAL_SIGNALS.trialReport);
/** From the run that the search belongs to. */
export const pauseSignal = defineSignal(SIGNALS.pause);
export const resumeSignal = defineSignal(SIGNALS.resume);
export const pauseUpdate = defineUpdate<UpdateAnswer, [PauseUpdate?]>(UPDATES.pause);
export const resumeUpdate = defineUpdate<UpdateAnswer, [ResumeUpdate?]>(UPDATES.resume);
export const stopTrialUpdate = defineUpdate<UpdateAnswer, [StopTrialUpdate]>(UPDATES.stopTrial);
export const keepTrialUpdate = defineUpdate<UpdateAnswer, [KeepTrialUpdate]>(UPDATES.keepTrial);
export const prioritiseUpdate = defineUpdate<UpdateAnswer, [PrioritiseUpdate]>(UPDATES.prioritise);
export const addTrialUpdate = defineUpdate<UpdateAnswer, [AddTrialUpdate]>(UPDATES.addTrial);
export const forkTrialUpdate = defineUpdate<UpdateAnswer, [ForkTrialUpdate]>(UPDATES.forkTrial);
export const setParallelismUpdate = defineUpdate<UpdateAnswer, [SetParallelismUpdate]>(UPDATES.setParallelism);
export const setBudgetUpdate = defineUpdate<UpdateAnswer, [SetBudgetUpdate]>(UPDATES.setBudget);
export const setSpaceUpdate = defineUpdate<UpdateAnswer, [SetSpaceUpdate]>(UPDATES.setSpace);
export const setStoppingUpdate = defineUpdate<UpdateAnswer, [SetStoppingUpdate]>(UPDATES.setStopping);
export const approveUpdate = defineUpdate<UpdateAnswer, [ApproveUpdate?]>(UPDATES.approve);
export const rejectUpdate = defineUpdate<UpdateAnswer, [RejectUpdate?]>(UPDATES.reject);

/** The same as the schema of `search.parallel`: fewer than 500 pending children. */
const MOST_PARALLEL = 400;
const WHO = ['by', 'why'] as const;

export function listen(run: SearchRun): void {
  setHandler(stateQuery, () => stateOf(run));
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
  listenToTrials(run);
  listenToSettings(run);
  listenToAnswers(run);
}

function listenToPauses(run: SearchRun): void {
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

function listenToTrials(run: SearchRun): void {
  const { memory, input } = run;
  setHandler(
    stopTrialUpdate,
    (payload) => {
      stopTrial(run, openTrial(run, payload.trial), `stopped${byWhom(payload)}`);
      return done(run, payload.trial, 'stops with a checkpoint');
    },
    {
      validator: (payload: StopTrialUpdate) => {
        if (openTrial(run, fieldsOf(payload, ['trial', ...WHO]).trial).stopping !== null)
          refuse(`trial ${payload.trial} is stopping already`);
      },
    },
  );
  setHandler(
    keepTrialUpdate,
    (payload) => {
      openTrial(run, payload.trial).state.kept = true;
      return done(run, payload.trial, `is kept: no rule stops it${byWhom(payload)}`);
    },
    { validator: (payload) => void openTrial(run, fieldsOf(payload, ['trial', ...WHO]).trial) },
  );
  setHandler(
    prioritiseUpdate,
    (payload) => {
      openTrial(run, payload.trial).state.priority = payload.priority;
      return done(run, payload.trial, `has priority ${payload.priority}${byWhom(payload)}`);
    },
    {
      validator: (payload: PrioritiseUpdate) => {
        const fields = fieldsOf(payload, ['trial', 'priority', ...WHO]);
        numberIn(fields.priority, 'priority', { integer: true });
        if (openTrial(run, fields.trial).active) refuse(`trial ${payload.trial} runs already; priorities order the trials that wait`);
      },
    },
  );
  setHandler(
    addTrialUpdate,
    (payload) => {
      const record = newRecord(run, checkedParameters(memory.space, input.spec.fixed, payload.parameters), 'added by hand', {
        priority: payload.priority ?? 0,
      });
      memory.plannedTrials += 1;
      return done(run, record.state.trial, `was added${byWhom(payload)}`);
    },
    {
      validator: (payload) => {
        const fields = fieldsOf(payload, ['parameters', 'priority', ...WHO]);
        stillOpen(run);
        if (fields.priority !== undefined) numberIn(fields.priority, 'priority', { integer: true });
        checkedParameters(memory.space, input.spec.fixed, fields.parameters);
      },
    },
  );
  setHandler(
    forkTrialUpdate,
    (payload) => {
      const parent = trialOf(run, payload.trial);
      const fork = { trial: payload.trial, output: parent.state.output, checkpoint: payload.checkpoint ?? null };
      const record = newRecord(run, forkedParameters(run, parent, payload.parameters), 'forked', { fork, parent: payload.trial });
      memory.plannedTrials += 1;
      return done(run, record.state.trial, `was forked from trial ${payload.trial}${byWhom(payload)}`);
    },
    {
      validator: (payload) => {
        const fields = fieldsOf(payload, ['trial', 'checkpoint', 'parameters', ...WHO]);
        stillOpen(run);
        const parent = trialOf(run, fields.trial);
        if (fields.checkpoint !== undefined && typeof fields.checkpoint !== 'string')
          refuse(`checkpoint: expected the name of a directory under ${parent.state.output}/checkpoints`);
        if (parent.state.startedAt === null) refuse(`trial ${parent.state.trial} has no checkpoint yet: it did not start`);
        forkedParameters(run, parent, fields.parameters);
      },
    },
  );
}

function forkedParameters(run: SearchRun, parent: TrialRecord, changes: unknown): ReturnType<typeof checkedParameters> {
  const given = typeof changes === 'object' && changes !== null ? changes : refuse('parameters: expected the values that change, by name');
  return checkedParameters(run.memory.space, run.input.spec.fixed, { ...parent.state.parameters, ...given });
}

function listenToSettings(run: SearchRun): void {
  const { memory } = run;
  setHandler(
    setParallelismUpdate,
    (payload) => {
      memory.parallel = payload.parallel;
      return done(run, null, `${payload.parallel} trials at once${byWhom(payload)}; running ones are not stopped for it`);
    },
    {
      validator: (payload) =>
        void numberIn(fieldsOf(payload, ['parallel', ...WHO]).parallel, 'parallel', { integer: true, min: 1, max: MOST_PARALLEL }),
    },
  );
  setHandler(
    setBudgetUpdate,
    (payload) => {
      memory.budget = checkedBudget(memory.budget, payload);
      if (memory.status === 'waiting' && budgetExceeded(run) === null)
        resumeSearch(run, `goes on: the budget was changed${byWhom(payload)}`);
      return done(run, null, `budget ${JSON.stringify(memory.budget)}${byWhom(payload)}`);
    },
    { validator: (payload) => void checkedBudget(memory.budget, payload) },
  );
  setHandler(
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
        checkedSpace(fieldsOf(payload, ['space', ...WHO]).space);
      },
    },
  );
  setHandler(
    setStoppingUpdate,
    (payload) => {
      memory.stopping = checkedStopping(payload.stopping);
      return done(run, null, `stopping by ${memory.stopping.map(({ kind }) => kind).join(', ') || 'no rule'}${byWhom(payload)}`);
    },
    { validator: (payload) => void checkedStopping(fieldsOf(payload, ['stopping', ...WHO]).stopping) },
  );
}

/** Answers to what the search has asked: a used up budget, or a trial's offline metric. */
function listenToAnswers(run: SearchRun): void {
  const { memory } = run;
  const asked = (payload?: ApproveUpdate): void => {
    const fields = fieldsOf(payload ?? {}, ['trial', ...WHO]);
    if (fields.trial === undefined && memory.status !== 'waiting')
      refuse('the search does not wait for an answer; name the trial if one of them does');
    if (fields.trial !== undefined && trialOf(run, fields.trial).asking === null)
      refuse(`trial ${shownTrial(fields.trial)} does not wait for an answer`);
  };
  setHandler(
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
  setHandler(
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

function trialOf(run: SearchRun, trial: unknown): TrialRecord {
  const count = run.memory.records.length;
  return (
    recordOf(run, numberIn(trial, 'trial', { integer: true, min: 0 })) ??
    refuse(`trial ${shownTrial(trial)}: there is no such trial; the search has ${count === 0 ? 'none yet' : `0 to ${count - 1}`}`)
  );
}

/** Finished trials are never touched. */
function openTrial(run: SearchRun, trial: unknown): TrialRecord {
  const record = trialOf(run, trial);
  if (isOver(record) || record.ending !== null) refuse(`trial ${record.state.trial} is over: ${record.state.status}`);
  return record;
}

function stillOpen(run: SearchRun): void {
  if (run.memory.finishing !== null) refuse(`the search is ending: ${run.memory.finishing.reason}`);
}

const shownTrial = (trial: unknown): string => JSON.stringify(trial);

function done(run: SearchRun, trial: number | null, text: string): UpdateAnswer {
  decided(run, trial, text);
  run.dirty = true;
  return trial === null ? { text } : { text: `trial ${trial} ${text}`, trial };
}

function byWhom(who: Who | undefined): string {
  return `${who?.by ? ` by ${who.by}` : ''}${who?.why ? ` (${who.why})` : ''}`;
}

/** Updates about single trials: stop, keep, prioritise, add, fork. */
import { ActivityFailure, defineUpdate, isCancellation } from '@temporalio/workflow';
import { UPDATES } from '../../../src/contract/names.ts';
import type {
  AddTrialUpdate,
  ForkTrialUpdate,
  KeepTrialUpdate,
  PrioritiseUpdate,
  StopTrialUpdate,
  UpdateAnswer,
} from '../../../src/contract/search-updates.ts';
import type { TrialRecord } from '../../../src/contract/search.ts';
import { chosenParams } from '../../../src/rules/data-of-trial.ts';
import { checkedParameters, fieldsOf, numberIn, refuse } from './checks.ts';
import { pinnedFork } from '../forks.ts';
import { newRecord } from '../state.ts';
import { handleUpdate } from '../decisions.ts';
import type { SearchRun } from '../state.ts';
import { stopTrial } from '../trial-ends.ts';
import { byWhom, done, openTrial, stillOpen, trialOf, WHO } from './common.ts';

export const stopTrialUpdate = defineUpdate<UpdateAnswer, [StopTrialUpdate]>(UPDATES.stopTrial);
export const keepTrialUpdate = defineUpdate<UpdateAnswer, [KeepTrialUpdate]>(UPDATES.keepTrial);
export const prioritiseUpdate = defineUpdate<UpdateAnswer, [PrioritiseUpdate]>(UPDATES.prioritise);
export const addTrialUpdate = defineUpdate<UpdateAnswer, [AddTrialUpdate]>(UPDATES.addTrial);
export const forkTrialUpdate = defineUpdate<UpdateAnswer, [ForkTrialUpdate]>(UPDATES.forkTrial);

export function listenToTrialUpdates(run: SearchRun): void {
  const { memory, input } = run;
  handleUpdate(
    run,
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
  handleUpdate(
    run,
    keepTrialUpdate,
    (payload) => {
      openTrial(run, payload.trial).state.kept = true;
      return done(run, payload.trial, `is kept: no rule stops it${byWhom(payload)}`);
    },
    { validator: (payload) => void openTrial(run, fieldsOf(payload, ['trial', ...WHO]).trial) },
  );
  handleUpdate(
    run,
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
  handleUpdate(
    run,
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
  handleUpdate(
    run,
    forkTrialUpdate,
    async (payload) => {
      const parent = trialOf(run, payload.trial);
      const pinned = await pinnedOf(run, parent, payload.checkpoint ?? null);
      const record = newRecord(run, forkedParameters(run, parent, payload.parameters), 'forked', { ...pinned, parent: payload.trial });
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

async function pinnedOf(
  run: SearchRun,
  parent: TrialRecord,
  checkpoint: string | null,
): Promise<Pick<TrialRecord, 'fork' | 'forkedAfter'>> {
  const { trial, output } = parent.state;
  if (run.rules === 1) return { fork: { trial, output, checkpoint } };
  try {
    const pinned = await pinnedFork(run, parent, checkpoint);
    stillOpen(run);
    return pinned;
  } catch (error) {
    if (error instanceof ActivityFailure && !isCancellation(error)) refuse(error.cause?.message ?? error.message);
    throw error;
  }
}

function forkedParameters(run: SearchRun, parent: TrialRecord, changes: unknown): ReturnType<typeof checkedParameters> {
  const given = typeof changes === 'object' && changes !== null ? changes : refuse('parameters: expected the values that change, by name');
  const parameters = checkedParameters(run.memory.space, run.input.spec.fixed, { ...parent.state.parameters, ...given });
  const other = chosenParams(run.input.spec).find((name) => parameters[name] !== parent.state.parameters[name]);
  if (other !== undefined)
    refuse(
      `parameters.${other}: a fork goes on from a checkpoint, on its parent's data; expected ${JSON.stringify(parent.state.parameters[other])}`,
    );
  return parameters;
}

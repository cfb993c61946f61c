/** What each kind of step does once its inputs are bound and nobody made its output before. */
import { condition, patched, sleep } from '@temporalio/workflow';
import type { WorkInput, WorkResult } from '../../activities/queries.ts';
import type { WarehouseWork } from '../../activities/warehouse-jobs.ts';
import type { EvaluateSpec, Step, StepSpec } from '../../src/contract/steps.ts';
import { MAX_TIME_FOR_A_WORKER, MAX_TIME_TO_CANCEL, warehouse } from '../policies.ts';
import { attemptsBefore } from '../../src/rules/retries.ts';
import { isRepeatable, stepFailureOf } from '../failures.ts';
import { cleanUpIfCancelled } from '../clean-up.ts';
import { createJobRunner } from './jobs.ts';
import { tellReason } from './job-waits.ts';
import type { JobHost } from './jobs.ts';
import { mayWork } from './run.ts';
import { createScoring } from './scoring.ts';
import type { Trainer } from './scoring.ts';
import type { Run } from './run.ts';
import { search } from './searches.ts';

type WorkingSpec = Exclude<StepSpec, { kind: 'approval' }>;

/** Does the step's work, as often as its `retry` allows. */
export async function workWithRetries(run: Run, step: Step, spec: WorkingSpec, key: string): Promise<WorkResult> {
  const state = run.view.step(step.id);
  const work = createWork(run, step, spec, key);
  for (let attempt = 1; ; attempt++) {
    try {
      if (run.reconciles && !mayWork(run, step.id)) await whilePaused(run, step);
      const result = await work(attempt);
      tellReason(state, null);
      return result;
    } catch (error) {
      const failure = stepFailureOf(error);
      if (!failure || !isRepeatable(failure) || attempt >= step.retry.attempts) throw error;
      const seconds = step.retry.backoffSeconds * 2 ** (attempt - 1);
      tellReason(state, `attempt ${attempt} of ${step.retry.attempts} failed, the next one in ${seconds} s: ${failure.message}`);
      run.changed();
      await sleep(seconds * 1000);
    }
  }
}

/** A step that was prepared, or waits for its next try, when the run was paused begins no work. */
async function whilePaused(run: Run, step: Step): Promise<void> {
  const state = run.view.step(step.id);
  const { status, reason } = state;
  Object.assign(state, { status: 'waiting', reason: 'the run is paused' });
  run.changed();
  await condition(() => mayWork(run, step.id));
  Object.assign(state, { status, reason });
  run.changed();
}

/** What does the work; called with the number of the try, from 1. */
function createWork(run: Run, step: Step, spec: WorkingSpec, key: string): (attempt: number) => Promise<WorkResult> {
  const { document, name } = run;
  const inputFor = <S>(bound: S): WorkInput<S> => ({
    run: name,
    pipeline: document.pipeline,
    profile: document.profile,
    step: step.id,
    key,
    spec: bound,
  });
  const options = { summary: step.id };
  switch (spec.kind) {
    case 'query':
      return inWarehouse(inputFor(spec), (input) => warehouse.runQuery.executeWithOptions(options, [input]));
    case 'export':
      return inWarehouse(inputFor(spec), (input) => warehouse.runExport.executeWithOptions(options, [input]));
    case 'evaluate':
      return evaluation(run, step, inputFor(spec));
    case 'check':
      return inWarehouse(inputFor(spec), (input) => warehouse.runCheck.executeWithOptions(options, [input]));
    case 'search':
      return (attempt) => search(run, step, spec, attempt);
    case 'container':
    case 'script':
      return createJobRunner(hostOf(run, step), inputFor(spec));
  }
}

function hostOf(run: Run, step: Step): JobHost {
  const state = run.view.step(step.id);
  return {
    profile: run.document.profile,
    reconciles: run.reconciles,
    timeoutSeconds: step.timeoutSeconds ?? null,
    attemptsBefore: attemptsBefore(run.retry, step.id),
    begun: (attempt) => void (state.attempts = Math.max(state.attempts ?? 0, attempt)),
    spent: (cost) => void (state.cost += cost),
    told: (reason, since) => {
      run.beforeWaits.delete(step.id);
      tellReason(state, reason, since);
      run.changed();
    },
  };
}

/** Models are scored by Jobs first, where the warehouse does not score them itself. */
function evaluation(run: Run, step: Step, input: WorkInput<EvaluateSpec>): () => Promise<WorkResult> {
  const options = { summary: step.id };
  const scoring = createScoring(hostOf(run, step), (uri) => trainerOf(run, uri));
  return inWarehouse(input, async (work) => {
    const { model } = work.spec;
    const isScored = work.spec.scores === undefined && model !== undefined && patched('scorers-are-jobs');
    const scored = isScored ? await scoring({ ...work, spec: { ...work.spec, model } }) : undefined;
    return warehouse.evaluateModel.executeWithOptions(options, [scored === undefined ? work : { ...work, scored }]);
  });
}

/** The search of this run which trained the model. */
function trainerOf(run: Run, uri: string): Trainer | undefined {
  const found = run.document.steps.find(({ id, spec }) => spec.kind === 'search' && run.view.find(id)?.outputs['export'] === uri);
  return found?.spec.kind === 'search' ? found.spec : undefined;
}

/** Being cancelled, it sees BigQuery's jobs ended also where the worker that watched them has gone; the embedded warehouse's end with it. */
function inWarehouse<Input extends WarehouseWork>(input: Input, work: (input: Input) => Promise<WorkResult>): () => Promise<WorkResult> {
  return async () => {
    try {
      return await work(input);
    } catch (error) {
      if (input.profile.warehouse.kind === 'bigquery')
        await cleanUpIfCancelled(() =>
          warehouse.cancelWarehouseJobs.executeWithOptions(
            { scheduleToStartTimeout: MAX_TIME_FOR_A_WORKER, scheduleToCloseTimeout: MAX_TIME_TO_CANCEL },
            [input],
          ),
        );
      throw error;
    }
  };
}

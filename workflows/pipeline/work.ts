/** What each kind of step does once its inputs are bound and nobody made its output before. */
import { CancellationScope, sleep, startChild } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { StepJobEnd, StepJobInput } from '../../activities/step-jobs.ts';
import type { WorkInput, WorkResult } from '../../activities/queries.ts';
import type { WarehouseWork } from '../../activities/warehouse-jobs.ts';
import { searchWorkflowId } from '../../src/contract/ids.ts';
import { WORKFLOWS } from '../../src/contract/names.ts';
import type { PlacementState, SearchInput, SearchResult } from '../../src/contract/search.ts';
import type { ContainerSpec, ScriptSpec, SearchSpec, Step, StepSpec } from '../../src/contract/steps.ts';
import { afterAttempt, choosePool, initialPlacement, poolOrder } from '../../src/rules/placement.ts';
import { jobs, MOST_TIME_FOR_A_WORKER, MOST_TIME_TO_CANCEL, SEARCH_POLICY, trainingQueue, warehouse } from '../policies.ts';
import type { Run } from './run.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { isRepeatable, stepFailureOf } from '../failures.ts';

/** A Job that others keep deleting is not started for ever. */
const MAX_DELETIONS = 5;
const LOG_LINES_SHOWN = 20;
/** Nobody has capacity: wait before asking the first pool again. */
const ALL_POOLS_EMPTY_WAIT = '1 minute';

type HyperparameterSearch = (input: SearchInput) => Promise<SearchResult>;
type WorkingSpec = Exclude<StepSpec, { kind: 'approval' }>;

/** Does the step's work, as often as its `retry` allows. */
export async function workWithRetries(run: Run, step: Step, spec: WorkingSpec, key: string): Promise<WorkResult> {
  const state = run.view.step(step.id);
  const work = createWork(run, step, spec, key);
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await work();
      state.reason = null;
      return result;
    } catch (error) {
      const failure = stepFailureOf(error);
      if (!failure || !isRepeatable(failure) || attempt >= step.retry.attempts) throw error;
      const seconds = step.retry.backoffSeconds * 2 ** (attempt - 1);
      state.reason = `attempt ${attempt} of ${step.retry.attempts} failed, the next one in ${seconds} s: ${failure.message}`;
      run.changed();
      await sleep(seconds * 1000);
    }
  }
}

function createWork(run: Run, step: Step, spec: WorkingSpec, key: string): () => Promise<WorkResult> {
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
      return inWarehouse(inputFor(spec), (input) => warehouse.evaluateModel.executeWithOptions(options, [input]));
    case 'search':
      return () => search(run, step, spec);
    case 'container':
    case 'script':
      return createJobRunner(run, step, inputFor(spec));
  }
}

/** Being cancelled, it sees BigQuery's jobs ended also where the worker that watched them has gone; the embedded warehouse's end with it. */
function inWarehouse<Input extends WarehouseWork>(input: Input, work: (input: Input) => Promise<WorkResult>): () => Promise<WorkResult> {
  return async () => {
    try {
      return await work(input);
    } catch (error) {
      if (input.profile.warehouse.kind === 'bigquery')
        await whenCancelled(() =>
          warehouse.cancelWarehouseJobs.executeWithOptions(
            { scheduleToStartTimeout: MOST_TIME_FOR_A_WORKER, scheduleToCloseTimeout: MOST_TIME_TO_CANCEL },
            [input],
          ),
        );
      throw error;
    }
  };
}

/** Cleaning up that must happen although the step is cancelled, and is not worth failing for. */
async function whenCancelled(cleanUp: () => Promise<unknown>): Promise<void> {
  if (CancellationScope.current().consideredCancelled) await CancellationScope.nonCancellable(cleanUp).catch(() => undefined);
}

/** Every call runs the Job until it succeeds or fails by its own fault; attempts are counted over all calls, so that Job names never repeat. */
function createJobRunner(run: Run, step: Step, input: WorkInput<ContainerSpec | ScriptSpec>): () => Promise<WorkResult> {
  const { profile } = run.document;
  const state = run.view.step(step.id);
  const counts = { attempts: 0, deletions: 0, grown: false };
  let placement: PlacementState = initialPlacement;
  let { resources } = input.spec;

  return async () => {
    for (;;) {
      const choice = choosePool({
        rules: profile.placement,
        pools: profile.pools,
        state: placement,
        now: Date.now(),
        deadlineAt: null,
        remainingSeconds: null,
      });
      placement = choice.state;
      const attempt = ++counts.attempts;
      const end = await runJob(`${step.id}, attempt ${attempt} on ${choice.pool.name}`, {
        ...input,
        spec: { ...input.spec, resources },
        attempt,
        pool: choice.pool,
        noCapacitySeconds: choice.noCapacitySeconds,
        deadlineSeconds: step.timeoutSeconds ?? null,
      });
      state.cost += end.cost;
      if (end.verdict === 'succeeded') return { outputs: end.outputs, job: end.job, image: end.image };
      placement = afterAttempt(profile.placement, poolOrder(profile.placement, profile.pools).length, placement, end.verdict, Date.now());
      state.reason = `attempt ${attempt}: ${end.cause}`;
      run.changed();
      if (end.verdict === 'out-of-memory' && !counts.grown && profile.memoryGrowth > 1) {
        counts.grown = true;
        resources = { ...resources, memoryMb: Math.ceil(resources.memoryMb * profile.memoryGrowth) };
      } else if (end.verdict === 'no-capacity') {
        if (placement.emptyPools >= profile.pools.length) await sleep(ALL_POOLS_EMPTY_WAIT);
      } else if (end.verdict !== 'preempted' && !(end.verdict === 'deleted' && ++counts.deletions <= MAX_DELETIONS)) {
        throw jobFailure(end);
      }
    }
  };
}

/** Being cancelled, it sees the Job ended also where the worker that watched it has gone and could not be told. */
async function runJob(summary: string, input: StepJobInput): Promise<StepJobEnd> {
  const taskQueue = trainingQueue(input.profile);
  try {
    return await jobs.runStepJob.executeWithOptions({ taskQueue, summary }, [input]);
  } catch (error) {
    const { profile, run, step, attempt } = input;
    await whenCancelled(() =>
      jobs.removeStepJob.executeWithOptions({ taskQueue, scheduleToStartTimeout: MOST_TIME_FOR_A_WORKER }, [
        { profile, run, step, attempt },
      ]),
    );
    throw error;
  }
}

function jobFailure(end: StepJobEnd): ApplicationFailure {
  const tail = end.logTail.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  const message = tail ? `${end.cause}; its log ends:\n${tail}` : end.cause;
  return ApplicationFailure.nonRetryable(message, end.verdict === 'bad-input' ? 'InvalidInput' : 'JobFailed');
}

async function search(run: Run, step: Step, spec: SearchSpec): Promise<WorkResult> {
  const { document, name } = run;
  const state = run.view.step(step.id);
  const input: SearchInput = {
    run: name,
    pipeline: document.pipeline,
    step: step.id,
    profile: document.profile,
    spec,
    commit: document.source.commit,
  };
  const workflowId = searchWorkflowId(name, step.id);
  const child = await startChild<HyperparameterSearch>(WORKFLOWS.hyperparameterSearch, {
    ...SEARCH_POLICY,
    workflowId,
    args: [input],
    typedSearchAttributes: [
      { key: ATTRIBUTE_KEYS.pipeline, value: document.pipeline },
      { key: ATTRIBUTE_KEYS.run, value: name },
      { key: ATTRIBUTE_KEYS.step, value: [step.id] },
    ],
    staticSummary: `search ${step.id} of ${name}`,
  });
  state.workflowId = workflowId;
  run.searches.set(step.id, child);
  run.changed();
  try {
    const result = await child.result();
    state.cost += result.cost;
    return { outputs: withoutNulls(result.outputs) };
  } finally {
    run.searches.delete(step.id);
  }
}

/** A search without a best trial has fewer outputs; who refers to them is told so. */
function withoutNulls(outputs: SearchResult['outputs']): WorkResult['outputs'] {
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== null));
}

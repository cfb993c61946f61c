/** Search steps: the child workflow of a search, which hears what is wanted of its run. */
import { ApplicationFailure, getExternalWorkflowHandle, patched, sleep, startChild, workflowInfo } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { WorkResult } from '../../activities/queries.ts';
import { searchWorkflowId, shortHash } from '../../src/contract/ids.ts';
import { WORKFLOWS } from '../../src/contract/names.ts';
import type { EarlierSearch, SearchInput, SearchResult } from '../../src/contract/search.ts';
import type { SearchSpec, Step } from '../../src/contract/steps.ts';
import { SEARCH_POLICY, searching } from '../policies.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { reconcileSearch } from './pauses.ts';
import type { Run, RunningSearch } from './run.ts';
import { WAITS } from '../../src/rules/durations.ts';

const MAX_TRIES_TO_START = 90;

type HyperparameterSearch = (input: SearchInput) => Promise<SearchResult>;

/** @param attempt of the step: a search that is begun once more has outputs, ids and ledger keys of its own */
export async function search(run: Run, step: Step, spec: SearchSpec, attempt: number): Promise<WorkResult> {
  const { document, name } = run;
  const state = run.view.step(step.id);
  const life = await lifeOf(run, step, attempt);
  const isFirst = attempt === 1 && run.retry === null;
  const input: SearchInput = {
    run: name,
    pipeline: document.pipeline,
    step: step.id,
    profile: document.profile,
    spec,
    commit: document.source.commit,
    ...life,
    ...(life.carried === undefined ? await takenOver(step, spec, isFirst) : {}),
    ...(document.factor === undefined ? {} : { factor: document.factor }),
  };
  const workflowId = searchWorkflowId(name, step.id);
  run.stands.delete(step.id);
  const child = await startSearch(run, step, workflowId, run.retry === null ? input : withoutPastEnd(input));
  state.workflowId = workflowId;
  const running: RunningSearch = { signal: child.signal.bind(child), heard: 'run', telling: null };
  run.searches.set(step.id, running);
  run.changed();
  // A pause that came while it was started.
  if (run.reconciles) reconcileSearch(run, running).catch(() => undefined);
  try {
    const result = await child.result();
    state.cost += result.cost;
    return { outputs: withoutNulls(result.outputs) };
  } finally {
    run.searches.delete(step.id);
  }
}

/** An end that had passed when the run was run again was promised of the run before, and would end this search at once. */
function withoutPastEnd(input: SearchInput): SearchInput {
  const { promise, ...spec } = input.spec;
  const begun = workflowInfo().startTime.getTime();
  if (promise?.by === undefined || Date.parse(promise.by) > begun) return input;
  const { by: _past, ...rest } = promise;
  return {
    ...input,
    spec: rest.cost === undefined ? spec : { ...spec, promise: rest },
    ...(input.carried === undefined ? {} : { carried: { ...input.carried, promised: undefined } }),
  };
}

/**
 * The first life of a search has none, so that its outputs are where those of release 0.1 are. In a run that is run again the search goes on
 * from all that the one before knew.
 */
async function lifeOf(run: Run, step: Step, attempt: number): Promise<Pick<SearchInput, 'life' | 'carried' | 'again'>> {
  if (!run.reconciles) return {};
  const earlier = attempt === 1 && run.retry !== null ? await earlierSearch(run, step) : null;
  if (earlier?.carried) return { carried: earlier.carried, again: true, ...(earlier.life === null ? {} : { life: earlier.life }) };
  const { runId, firstExecutionRunId } = workflowInfo();
  const parts = [
    ...(run.retry === null || earlier?.existed === false ? [] : [`again-${run.retry.number}`]),
    ...(attempt > 1 ? [`retry-${attempt}`] : []),
    ...(runId === firstExecutionRunId ? [] : [`reset-${shortHash(runId)}`]),
  ];
  return parts.length === 0 ? {} : { life: parts.join('-') };
}

/** The search of another run, as it stood at its end: for each life that begins without a memory of its own. */
async function takenOver(step: Step, { takesOver }: SearchSpec, isFirst: boolean): Promise<Pick<SearchInput, 'carried' | 'takenFrom'>> {
  if (takesOver === undefined || !(isFirst || patched('taken-over-in-each-life'))) return {};
  const workflowId = searchWorkflowId(takesOver.run, takesOver.step);
  const { carried, output } = await searching.earlierSearch.executeWithOptions({ summary: `${step.id}: takes over ${workflowId}` }, [
    { workflowId },
  ]);
  if (carried === null || output === undefined)
    throw ApplicationFailure.nonRetryable(
      `${workflowId}: what it knew is not there any more; Temporal keeps an ended workflow for the retention of its namespace`,
      'InvalidInput',
    );
  return { carried, takenFrom: output };
}

async function earlierSearch(run: Run, step: Step): Promise<EarlierSearch> {
  return searching.earlierSearch.executeWithOptions({ summary: `${step.id}: where the search before stands` }, [
    { workflowId: searchWorkflowId(run.name, step.id) },
  ]);
}

function startSearch(run: Run, step: Step, workflowId: string, input: SearchInput): Promise<ChildWorkflowHandle<HyperparameterSearch>> {
  const options = {
    ...SEARCH_POLICY,
    workflowId,
    args: [input] as [SearchInput],
    typedSearchAttributes: [
      { key: ATTRIBUTE_KEYS.pipeline, value: input.pipeline },
      { key: ATTRIBUTE_KEYS.run, value: run.name },
      { key: ATTRIBUTE_KEYS.step, value: [step.id] },
    ],
    staticSummary: `search ${step.id} of ${run.name}`,
  };
  const begin = (): Promise<ChildWorkflowHandle<HyperparameterSearch>> =>
    startChild<HyperparameterSearch>(WORKFLOWS.hyperparameterSearch, options);
  return run.reconciles ? afterEarlierLife(run, step, workflowId, begin) : begin();
}

/** Where the run was reset, its earlier life's search goes first, with checkpoints. */
async function afterEarlierLife<T>(run: Run, step: Step, workflowId: string, begin: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await begin();
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || tries >= MAX_TRIES_TO_START) throw error;
      run.view.step(step.id).reason = `waits for the end of ${workflowId}, which an earlier life of this run began`;
      run.changed();
      await getExternalWorkflowHandle(workflowId)
        .cancel()
        .catch(() => undefined);
      await sleep(WAITS.earlierSearchLookMs);
    }
  }
}

/** A search without a best trial has fewer outputs; who refers to them is told so. */
function withoutNulls(outputs: SearchResult['outputs']): WorkResult['outputs'] {
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== null));
}

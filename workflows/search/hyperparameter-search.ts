/** A search: asks a sampler what to try, runs trials, stops poor ones early, keeps to a budget, and listens to people. */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
} from '@temporalio/workflow';
import type { SearchInput, SearchResult } from '../../src/contract/search.ts';
import { checkBudget, secondsUntilCheck } from './budget-pause.ts';
import { followCurves } from './curves.ts';
import { applyStoppingRulesBetweenPoints } from './stopping.ts';
import { evaluateExports } from './early-evaluation.ts';
import { listen } from './updates/index.ts';
import { carriedState, activeRecords, createSearchRun, isOver, queuedRecords } from './state.ts';
import { searching } from '../policies.ts';
import { idle, isDrained, mustContinueAsNew, secondsUntilPatienceEnds } from './draining.ts';
import { hasUnrecordedDecisions, recordDecisions } from './decisions.ts';
import { recordEnds } from './ledger.ts';
import { reconcile } from './reconcile.ts';
import type { SearchRun } from './state.ts';
import { keepPromise, secondsUntilPromise } from './promise.ts';
import { newTrialsLeft } from './places.ts';
import { replacePoorest } from './population.ts';
import { beginReplicates, tellReplicated } from './replicates.ts';
import { closeRungs } from './rungs.ts';
import { fillPlaces } from './sampling.ts';
import { releaseTensorboard, openTensorboard } from './tensorboard.ts';
import { endUnreportedTrial, finalise, finish } from './trial-ends.ts';
import { publish, resultOf } from './view.ts';
import { endIfCancelled } from '../end-if-cancelled.ts';
import { playFaster, WAITS } from '../../src/rules/durations.ts';

export async function hyperparameterSearch(input: SearchInput): Promise<SearchResult> {
  playFaster(input.factor);
  const run = createSearchRun(input);
  listen(run);
  publish(run);
  openTensorboard(run);
  try {
    await work(run);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    run.stopWatching?.();
    await CancellationScope.nonCancellable(() => releaseTensorboard(run));
    await CancellationScope.nonCancellable(() => end(run, isCancellation(error) ? 'cancelled' : 'failed', error));
    throw error;
  }
  await releaseTensorboard(run);
  return answer(run);
}

async function work(run: SearchRun): Promise<void> {
  while (!done(run) || beginReplicates(run)) {
    run.dirty = false;
    run.draining = mustContinueAsNew(run);
    if (!run.draining) run.drainingSince = null;
    applyStoppingRulesBetweenPoints(run);
    checkBudget(run);
    keepPromise(run);
    replacePoorest(run);
    fillPlaces(run);
    closeRungs(run);
    evaluateExports(run);
    recordEnds(run);
    recordDecisions(run);
    followCurves(run);
    reconcile(run);
    if (run.draining && (await isDrained(run))) {
      endIfCancelled();
      await continueAsNew<typeof hyperparameterSearch>({ ...run.input, carried: carriedState(run) });
    }
    await waitForNews(run);
    if (run.fatal !== null) throw run.fatal;
  }
  tellReplicated(run);
  run.stopWatching?.();
  await condition(() => idle(run) || run.fatal !== null);
  if (run.fatal !== null) throw run.fatal;
}

async function waitForNews(run: SearchRun): Promise<void> {
  const looks = run.reconciles && run.memory.finishing !== null && activeRecords(run).some((record) => record.inherited);
  const waits = [
    secondsUntilCheck(run),
    secondsUntilPromise(run),
    looks ? WAITS.trialsLookSeconds : null,
    secondsUntilPatienceEnds(run),
  ].filter((seconds) => seconds !== null);
  const news = (): boolean => run.dirty || run.fatal !== null || (mustContinueAsNew(run) && !run.draining);
  if (waits.length === 0) return condition(news);
  if (!(await condition(news, Math.min(...waits) * 1000)) && looks) await endClosedTrials(run);
}

/** Every trial is over, told and recorded, and no further one is to come. */
function done(run: SearchRun): boolean {
  const { memory } = run;
  const waiting = memory.records.some((record) => !isOver(record) || record.unrecorded) || hasUnrecordedDecisions(run);
  return !waiting && (memory.finishing !== null || (newTrialsLeft(run) === 0 && run.busy.asking === 0));
}

/** Cancelled or broken: the trials end with a checkpoint, the ledger says so. */
async function end(run: SearchRun, status: 'cancelled' | 'failed', error: unknown): Promise<void> {
  const { memory } = run;
  const broken = (): boolean => run.fatal !== null;
  run.fatal = null;
  // There is no next run of the workflow that would record what ends now.
  run.draining = false;
  memory.status = status;
  memory.reason = status === 'cancelled' ? 'cancelled' : error instanceof Error ? error.message : 'failed';
  finish(run, memory.reason, true);
  endEvaluations(run);
  while (activeRecords(run).length > 0 || memory.records.some((record) => record.unrecorded) || hasUnrecordedDecisions(run)) {
    run.dirty = false;
    for (const record of memory.records) record.toEvaluate = null;
    endEvaluations(run);
    recordEnds(run);
    recordDecisions(run);
    reconcile(run);
    if (!(await condition(() => run.dirty || broken(), WAITS.trialsLookSeconds * 1000))) await endClosedTrials(run);
    // The ledger must not keep a cancelled search alive.
    if (broken()) break;
  }
  await condition(allHandlersFinished);
  publish(run);
}

/** A trial that had ended and waited for its offline metrics ends without them. */
function endEvaluations(run: SearchRun): void {
  if (!run.reconciles) return;
  for (const record of run.memory.records) if (record.ending) finalise(run, record, record.ending);
}

async function endClosedTrials(run: SearchRun): Promise<void> {
  const active = activeRecords(run);
  const closed = await searching
    .closedWorkflows({ workflowIds: active.map(({ state }) => state.workflowId) })
    .catch((error: unknown): string[] => {
      if (isCancellation(error) || !run.reconciles) throw error;
      // The next look may succeed.
      return [];
    });
  for (const { state } of active)
    if (closed.includes(state.workflowId)) endUnreportedTrial(run, state.trial, null, 'its workflow is closed');
}

function answer(run: SearchRun): SearchResult {
  const { memory } = run;
  const result = resultOf(run);
  const failed = memory.finishing?.failed === true;
  memory.status = failed || !result ? 'failed' : 'succeeded';
  memory.reason = memory.finishing?.reason ?? null;
  publish(run);
  if (failed) throw ApplicationFailure.nonRetryable(memory.finishing?.reason ?? 'failed', memory.finishing?.type ?? 'SearchFailed');
  if (!result) throw ApplicationFailure.nonRetryable(`no trial came to a result: ${reasons(run)}`, 'SearchFailed');
  return result;
}

function reasons(run: SearchRun): string {
  const broken = run.memory.decisions.filter(({ text }) => text.startsWith('cannot be the best'));
  if (broken.length > 0) return `none keeps to metricConstraints; the last one ${broken.at(-1)?.text ?? ''}`;
  const found = new Set(run.memory.records.map(({ state }) => `${state.status}${state.reason ? `, ${state.reason}` : ''}`));
  return [...found].slice(0, 3).join('; ') || (queuedRecords(run).length > 0 ? 'none was started' : 'none was suggested');
}

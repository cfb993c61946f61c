/** A run: the steps of a compiled pipeline, each as soon as its inputs are there. Its name is the workflow's id. */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  log,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import { INTERNAL_SIGNALS, QUERIES, UPDATES } from '../../src/contract/names.ts';
import { playFaster } from '../../src/rules/durations.ts';
import type { DecidedSignal } from '../../src/contract/decisions.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { Retry } from '../../src/contract/retry.ts';
import type { UpdateAnswer, Who } from '../../src/contract/search-updates.ts';
import type { RunGraph, RunResult, RunState, SearchStands, StepWaits } from '../../src/contract/state.ts';
import type { Step } from '../../src/contract/steps.ts';
import { standing } from '../../src/rules/retries.ts';
import { createApprovals, type Decision } from './approvals.ts';
import { answerApproval, receiveDecision, recordUnheardCancel, recordUpdate } from './decisions.ts';
import { control } from '../policies.ts';
import { receiveJobWait } from './job-waits.ts';
import { checkResume, pause, resume } from './pauses.ts';
import { lastOptions, notify, type Run } from './run.ts';
import { boundedSteps, createRunView, graphOf, statusOf } from './view.ts';
import { checkSamplers } from './sampler-checks.ts';
import { runSteps } from './scheduler.ts';
import { receiveStands } from './time-limit.ts';
import { openTrackers } from './trackers.ts';
import { stepFailureOf } from '../failures.ts';
import { answer, outcomeOf, reasonOf } from './outcome.ts';

export const stateQuery = defineQuery<RunState>(QUERIES.state);
export const graphQuery = defineQuery<RunGraph>(QUERIES.graph);
export const approveUpdate = defineUpdate<UpdateAnswer, [Decision?]>(UPDATES.approve);
export const rejectUpdate = defineUpdate<UpdateAnswer, [Decision?]>(UPDATES.reject);
export const pauseUpdate = defineUpdate<UpdateAnswer, [Who?]>(UPDATES.pause);
export const resumeUpdate = defineUpdate<UpdateAnswer, [Who?]>(UPDATES.resume);
/** The run is cancelled, and was before: its steps on exit are to end too. */
export const cancelExitSignal = defineSignal(INTERNAL_SIGNALS.cancelExit);

export const stepWaitsSignal = defineSignal<[StepWaits]>(INTERNAL_SIGNALS.stepWaits);
export const searchStandsSignal = defineSignal<[SearchStands]>(INTERNAL_SIGNALS.searchStands);
export const decidedSignal = defineSignal<[DecidedSignal?]>(INTERNAL_SIGNALS.decided);

/** @param retry of a run that ended before: its done steps stand, the others go on from where they are */
export async function trainingPipeline(document: RunDocument, retry: Retry | null = null): Promise<RunResult> {
  playFaster(document.factor);
  let run = createRun(plausible(document), retry);
  listen(() => run);
  const completed = await validate(run, document);
  if (completed) run = createRun(completed, retry, run);
  if (run.reconciles) await checkSamplers(run.name, run.document).catch((error: unknown) => refuse(run, error));

  const trackers = openTrackers(run);
  await runMainSteps(run);
  const whole = CancellationScope.current();
  await CancellationScope.nonCancellable(async () => {
    if (run.cancelled) recordUnheardCancel(run);
    await runExitSteps(run, whole);
    if (run.exitCancelled) recordUnheardCancel(run);
    await close(run);
    await trackers.close();
    await condition(allHandlersFinished);
    await condition(() => run.recordings.underWay === 0 || run.exitCancelled);
  });
  return answer(run);
}

/** The document with its defaults, if it lacked some. */
async function validate(run: Run, document: RunDocument): Promise<RunDocument | null> {
  try {
    const retried = run.retry === null ? {} : { retry: run.retry.number };
    const input = { run: run.name, document, startedAt: run.view.state.startedAt, ...retried };
    const { completed } = await control.validateRun.executeWithOptions({ summary: 'check the run document' }, [input]);
    if (!run.reconciles) await checkSamplers(run.name, completed ?? document);
    return completed;
  } catch (error) {
    throw refusal(run, error);
  }
}

/** The ledger has the run by now: it hears of the end too. */
async function refuse(run: Run, error: unknown): Promise<never> {
  const failure = refusal(run, error);
  if (!run.reconciles) throw failure;
  run.cancelled = isCancellation(error);
  const reason = run.cancelled ? 'the run was cancelled before it began' : 'the run was refused before it began';
  for (const step of run.view.state.steps) Object.assign(step, { status: run.cancelled ? 'cancelled' : 'blocked', reason });
  await CancellationScope.nonCancellable(async () => {
    if (run.cancelled) recordUnheardCancel(run);
    await close(run);
    await condition(() => run.recordings.underWay === 0);
  });
  throw failure;
}

function refusal(run: Run, error: unknown): unknown {
  const failure = isCancellation(error) ? null : stepFailureOf(error);
  if (!failure) return error;
  run.refused = failure.message;
  run.view.state.status = 'failed';
  run.view.state.reason = failure.message;
  return ApplicationFailure.nonRetryable(failure.message, failure.type);
}

/** @param before what became of the run while its document was checked */
function createRun(document: RunDocument, retry: Retry | null, before?: Run): Run {
  const view = createRunView(document);
  if (retry !== null) for (const step of standing(document.steps, retry)) Object.assign(view.step(step.id), step);
  const run: Run = {
    name: workflowInfo().workflowId,
    reconciles: patched('wanted-state'),
    document,
    view,
    approvals: createApprovals(view.state, () => {
      run.changed();
    }),
    searches: new Map(),
    stands: new Map(),
    failureTypes: new Map(),
    beforeWaits: new Map(),
    changed: () => {
      run.dirty = true;
    },
    dirty: false,
    paused: false,
    pausedBySomeone: false,
    pausedAt: null,
    pausedMs: 0,
    atBudget: false,
    budget: document.budget,
    cancelled: false,
    refused: null,
    budgetWaived: false,
    retry,
    recordsDecisions: patched('decisions'),
    signatures: before?.signatures ?? new Set(),
    cancelHeard: before?.cancelHeard ?? false,
    recordings: before?.recordings ?? { underWay: 0 },
    cancelExit: null,
    exitCancelled: false,
  };
  if (before?.reconciles) {
    const { paused, pausedBySomeone, pausedAt, pausedMs } = before;
    Object.assign(run, { paused, pausedBySomeone, pausedAt, pausedMs });
    Object.assign(view.state, { status: before.view.state.status, reason: before.view.state.reason });
  }
  return run;
}

function listen(current: () => Run): void {
  setHandler(stateQuery, () => {
    const { state } = current().view;
    return { ...state, steps: boundedSteps(state.steps) };
  });
  setHandler(graphQuery, () => graphOf(current().document));
  const check = (decision?: Decision): void => {
    current().approvals.check(decision);
  };
  const resumed = (who?: Who): Promise<UpdateAnswer> => {
    recordUpdate(current(), UPDATES.resume, who);
    return resume(current(), who);
  };
  setHandler(approveUpdate, (decision) => answerApproval(current(), true, decision), { validator: check });
  setHandler(rejectUpdate, (decision) => answerApproval(current(), false, decision), { validator: check });
  setHandler(pauseUpdate, (who) => {
    recordUpdate(current(), UPDATES.pause, who);
    return pause(current(), who);
  });
  setHandler(resumeUpdate, resumed, {
    validator: (_who?: Who) => {
      checkResume(current());
    },
  });
  setHandler(decidedSignal, (told) => {
    receiveDecision(current(), told);
  });
  setHandler(searchStandsSignal, (word) => {
    receiveStands(current(), word);
  });
  setHandler(stepWaitsSignal, (waits) => {
    receiveJobWait(current(), waits);
  });
  setHandler(cancelExitSignal, () => current().cancelExit?.());
}

async function runMainSteps(run: Run): Promise<void> {
  const { state } = run.view;
  await runSteps(run, run.document.steps, {
    forgiven: () => false,
    runStatus: () => null,
    pausable: true,
    status: () => statusOf(state, run.paused),
  });
}

/**
 * They see how the run ended, and run whatever that was. A cancellation of the run that comes now ends them, and so does a second one where
 * the first one led here, of which Temporal tells only by our own signal.
 */
async function runExitSteps(run: Run, whole: CancellationScope): Promise<void> {
  const { document, view } = run;
  view.state.status = outcomeOf(run, document.steps);
  const main = new Set(document.steps.map((step) => step.id));
  const ended = view.state.status;
  const phase = { forgiven: (id: string) => main.has(id), runStatus: () => ended, pausable: false, status: () => ended };
  if (!run.reconciles) return runSteps(run, document.onExit, phase);
  const exit = new CancellationScope();
  run.cancelExit = () => {
    run.exitCancelled = true;
    exit.cancel();
  };
  if (!whole.consideredCancelled) whole.cancelRequested.catch(() => run.cancelExit?.());
  await exit.run(() => runSteps(run, document.onExit, phase));
}

async function close(run: Run): Promise<void> {
  const { document, view, name } = run;
  const { state } = view;
  state.status = outcomeOf(run, [...document.steps, ...document.onExit]);
  state.endedAt = Date.now();
  state.reason = reasonOf(run);
  view.publish();
  const closing = control.closeRun.executeWithOptions({ summary: `the run ${state.status}`, ...lastOptions(run) }, [
    {
      run: name,
      pipeline: document.pipeline,
      profile: document.profile,
      profileName: document.profileName,
      documentHash: document.hash,
      commit: document.source.commit,
      startedAt: state.startedAt,
      endedAt: state.endedAt,
      status: state.status,
      cost: state.cost,
      error: state.reason,
      unrecorded: state.steps.filter((step) => step.startedAt === null),
    },
  ]);
  await closing.catch((error: unknown) => {
    if (!run.exitCancelled) throw error;
    log.warn('the end of the run could not be recorded', { error });
  });
  await notify(run, state.status === 'failed' ? 'failure' : 'finish', state.reason ?? `${name} ${state.status}`);
}

/** Until the document was checked, show only what is certain to be well formed. */
function plausible(document: RunDocument): RunDocument {
  const given: Partial<RunDocument> | undefined = typeof document === 'object' ? document : undefined;
  const empty = { pipeline: 'unknown', hash: '', profileName: '', steps: [], onExit: [] };
  const wellFormed = (steps: unknown): boolean =>
    Array.isArray(steps) &&
    steps.every((step: Partial<Step> | null) => typeof step?.id === 'string' && typeof step.spec?.kind === 'string');
  const whole = given && typeof given.pipeline === 'string' && wellFormed(given.steps) && wellFormed(given.onExit ?? []);
  return { ...empty, ...(whole ? given : {}) } as RunDocument;
}

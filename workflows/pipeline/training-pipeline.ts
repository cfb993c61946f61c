/** A run: the steps of a compiled pipeline, each as soon as its inputs are there. Its name is the workflow's id. */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { QUERIES, SIGNALS, UPDATES } from '../../src/contract/names.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { UpdateAnswer, Who } from '../../src/contract/search.ts';
import type { RunGraph, RunResult, RunState } from '../../src/contract/state.ts';
import type { Step } from '../../src/contract/steps.ts';
import { createApprovals } from './approvals.ts';
import type { Decision } from './approvals.ts';
import { control } from '../policies.ts';
import { notify } from './run.ts';
import type { Run } from './run.ts';
import { graphOf, boundedSteps, createRunView, statusOf } from './view.ts';
import { checkSamplers } from './sampler-checks.ts';
import { runSteps } from './scheduler.ts';
import { stepFailureOf } from '../failures.ts';

export const stateQuery = defineQuery<RunState>(QUERIES.state);
export const graphQuery = defineQuery<RunGraph>(QUERIES.graph);
export const approveUpdate = defineUpdate<UpdateAnswer, [Decision?]>(UPDATES.approve);
export const rejectUpdate = defineUpdate<UpdateAnswer, [Decision?]>(UPDATES.reject);
export const pauseUpdate = defineUpdate<UpdateAnswer, [Who?]>(UPDATES.pause);
export const resumeUpdate = defineUpdate<UpdateAnswer, [Who?]>(UPDATES.resume);
const pauseSearch = defineSignal(SIGNALS.pause);
const resumeSearch = defineSignal(SIGNALS.resume);

const FAILURES_SHOWN = 5;
const BLOCKED_SHOWN = 20;

export async function trainingPipeline(document: RunDocument): Promise<RunResult> {
  let run = createRun(plausible(document));
  listen(() => run);
  const completed = await validate(run, document);
  if (completed) run = createRun(completed);

  await runMainSteps(run);
  await CancellationScope.nonCancellable(async () => {
    await runExitSteps(run);
    await close(run);
    await condition(allHandlersFinished);
  });
  return answer(run);
}

/** The document with its defaults, if it lacked some. */
async function validate(run: Run, document: RunDocument): Promise<RunDocument | null> {
  try {
    const input = { run: run.name, document, startedAt: run.view.state.startedAt };
    const { completed } = await control.validateRun.executeWithOptions({ summary: 'check the run document' }, [input]);
    await checkSamplers(run.name, completed ?? document);
    return completed;
  } catch (error) {
    const failure = isCancellation(error) ? null : stepFailureOf(error);
    if (!failure) throw error;
    run.view.state.status = 'failed';
    run.view.state.reason = failure.message;
    throw ApplicationFailure.nonRetryable(failure.message, failure.type);
  }
}

function createRun(document: RunDocument): Run {
  const view = createRunView(document);
  const run: Run = {
    name: workflowInfo().workflowId,
    document,
    view,
    approvals: createApprovals(view.state, () => {
      run.changed();
    }),
    searches: new Map(),
    failureTypes: new Map(),
    changed: () => {
      run.dirty = true;
    },
    dirty: false,
    paused: false,
    cancelled: false,
    budgetWaived: false,
  };
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
  setHandler(approveUpdate, (decision) => current().approvals.decide(true, decision), { validator: check });
  setHandler(rejectUpdate, (decision) => current().approvals.decide(false, decision), { validator: check });
  setHandler(pauseUpdate, (who) => pause(current(), who));
  setHandler(resumeUpdate, (who) => resume(current(), who));
}

async function pause(run: Run, who?: Who): Promise<UpdateAnswer> {
  run.paused = true;
  run.view.state.reason = `paused by ${who?.by ?? 'unknown'}${who?.why ? `: ${who.why}` : ''}`;
  run.changed();
  await Promise.all([...run.searches.values()].map((search) => search.signal(pauseSearch)));
  return { text: `${run.name} is paused: no new step starts, searches pause their trials` };
}

async function resume(run: Run, who?: Who): Promise<UpdateAnswer> {
  run.paused = false;
  run.budgetWaived = true;
  run.view.state.reason = null;
  run.changed();
  await Promise.all([...run.searches.values()].map((search) => search.signal(resumeSearch)));
  return { text: `${run.name} goes on, by ${who?.by ?? 'unknown'}` };
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

/** They see how the run ended, and run whatever that was. */
async function runExitSteps(run: Run): Promise<void> {
  const { document, view } = run;
  view.state.status = outcomeOf(run, document.steps);
  const main = new Set(document.steps.map((step) => step.id));
  const ended = view.state.status;
  await runSteps(run, document.onExit, { forgiven: (id) => main.has(id), runStatus: () => ended, pausable: false, status: () => ended });
}

async function close(run: Run): Promise<void> {
  const { document, view, name } = run;
  const { state } = view;
  state.status = outcomeOf(run, [...document.steps, ...document.onExit]);
  state.endedAt = Date.now();
  state.reason = reasonOf(run);
  view.publish();
  await control.closeRun.executeWithOptions({ summary: `the run ${state.status}` }, [
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
  await notify(run, state.status === 'failed' ? 'failure' : 'finish', state.reason ?? `${name} ${state.status}`);
}

function answer(run: Run): RunResult {
  const { state } = run.view;
  const status = outcomeOf(run, [...run.document.steps, ...run.document.onExit]);
  const result: RunResult = {
    run: run.name,
    status,
    steps: boundedSteps(state.steps),
    cost: state.cost,
    seconds: ((state.endedAt ?? Date.now()) - state.startedAt) / 1000,
  };
  if (status === 'cancelled') throw new CancelledFailure(state.reason ?? 'cancelled', [result]);
  if (status === 'failed')
    throw ApplicationFailure.create({
      message: state.reason ?? 'failed',
      type: firstFailureType(run),
      nonRetryable: true,
      details: [result],
    });
  return result;
}

function outcomeOf(run: Run, steps: readonly Step[]): RunResult['status'] {
  if (run.cancelled) return 'cancelled';
  return steps.some((step) => run.view.step(step.id).status === 'failed') ? 'failed' : 'succeeded';
}

function reasonOf(run: Run): string | null {
  if (run.cancelled) return `${run.name} was cancelled`;
  const failed = run.view.state.steps.filter((step) => step.status === 'failed');
  const blocked = run.view.state.steps.filter((step) => step.status === 'blocked').map((step) => step.id);
  if (failed.length === 0) return null;
  const because = failed.slice(0, FAILURES_SHOWN).map((step) => `step ${step.id} failed: ${step.reason ?? 'no reason given'}`);
  const more = failed.length - because.length;
  return [
    ...because,
    ...(more > 0 ? [`and ${more} more steps failed`] : []),
    ...(blocked.length > 0 ? [`not run because of that: ${blocked.slice(0, BLOCKED_SHOWN).join(', ')}`] : []),
  ].join('\n');
}

const firstFailureType = (run: Run): string => [...run.failureTypes.values()].find((type) => type !== 'Cancelled') ?? 'Unexpected';

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

/** Starting trials, telling them what to do, and taking in their ends. */
import {
  CancellationScope,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  sleep,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { trialOutput } from '../../src/contract/ids.ts';
import { SIGNALS, WORKFLOWS } from '../../src/contract/names.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { TrialReport, TrialSummary } from '../../src/contract/trial-run.ts';
import { heardLater } from '../../src/rules/clusters.ts';
import { endOf, endOfV1, OFFLINE } from '../../src/rules/trial-ends.ts';
import { brokenConstraints, dominates } from '../../src/rules/best-trials.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { pinning, searching, TRIAL_POLICY } from '../policies.ts';
import { decided, inBackground, isOver, objectivesOf, recordOf } from './state.ts';
import type { SearchRun } from './state.ts';
import { heldSummary, holds, isHeld, isWithoutMachine, yields } from './held.ts';
import { comesAgain, reopenMember, waitsForOthers } from './member.ts';
import { endRunning } from './spending.ts';
import { trialInput } from './trial-input.ts';
import { publish } from './view.ts';
import { contradicts } from './wanted.ts';
import type { trial as trialWorkflow } from '../trial/trial.ts';
import { WAITS } from '../../src/rules/durations.ts';
import { beginAnew, beginWithoutFork } from '../../src/rules/reopened-trials.ts';

const stop = defineSignal<[{ reason: string }?]>(SIGNALS.stop);
const pause = defineSignal(SIGNALS.pause);
const resume = defineSignal(SIGNALS.resume);

const REASON_CHARACTERS = 1000;
const MAX_METRICS = 12;
/** Of the trials that one beats. */
const MAX_NAMED = 8;
const MAX_STARTS = 60;
/** Where a search does not say: so many trials may fail before it does, or this share of them. */
const FAILURES_ALWAYS_ALLOWED = 2;
const FAILURES_ALLOWED_SHARE = 0.1;

/** Starts the trial's workflow; it outlives this run of ours and tells its end by a signal. */
export function start(run: SearchRun, record: TrialRecord): void {
  record.active = true;
  record.lives = (record.lives ?? 0) + 1;
  // The watch that is under way knows of the next few new trials, and not of one that goes on, or waited when it began.
  if (run.rules !== 1 && !run.covered.has(record.state.trial)) run.stopWatching?.();
  record.state.startedAt ??= Date.now();
  record.heard = null;
  run.hearing.add(record.state.trial);
  // A start that was begun is seen through even when the search is cancelled: who is started must be told to stop.
  inBackground(run, 'starting', () =>
    CancellationScope.nonCancellable(() => startChildOf(run, record)).finally(() => run.hearing.delete(record.state.trial)),
  );
}

/** @param isKnown whether a workflow of that id may have been there before */
async function startChildOf(
  run: SearchRun,
  record: TrialRecord,
  tries = 1,
  isKnown = run.rules === 1 || (record.lives ?? 1) > 1 || record.carried !== null,
): Promise<void> {
  const { lives } = record;
  if (record.adopted) await adopt(run, record);
  // Without a turn of the event loop for other searches: their histories know none here.
  if (comesAgain(run, record)) await reopenMember(run, record);
  try {
    const child = await startChild<typeof trialWorkflow>(WORKFLOWS.trial, {
      ...TRIAL_POLICY,
      workflowId: record.state.workflowId,
      ...(isKnown ? {} : { workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE }),
      args: [trialInput(run, record)],
      staticSummary: `trial ${record.state.trial} of ${run.id}`,
      typedSearchAttributes: [
        { key: ATTRIBUTE_KEYS.pipeline, value: run.input.pipeline },
        { key: ATTRIBUTE_KEYS.run, value: run.input.run },
        { key: ATTRIBUTE_KEYS.step, value: [run.input.step] },
      ],
    });
    record.heard = 'run';
    // Of its end the signal told first; by now it may have begun again.
    const isThis = (): boolean => run.rules === 1 || record.lives === lives;
    // Besides the signal: a trial that is terminated by hand sends none.
    child.result().then(
      (summary) => {
        if (isThis()) ended(run, summary);
      },
      (error: unknown) => {
        if (!isThis()) return;
        failWithoutSummary(
          run,
          record,
          error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : 'unknown',
        );
      },
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // It told of its end just before it closes: the next life begins a moment later.
    if (run.rules !== 1 && (lives ?? 1) > 1 && tries < MAX_STARTS) {
      await sleep(WAITS.trialClosesMs);
      return startChildOf(run, record, tries + 1);
    }
    if (!isKnown && patched('trials-before-a-reset')) return takeUp(run, record);
    record.inherited = true;
  }
  if (run.reconciles) return;
  // What was decided while it started did not reach it.
  if (record.stopping !== null) tell(run, record, stop, { reason: record.stopping });
  else if (run.memory.status !== 'running' || record.held) pauseTrial(run, record);
}

/**
 * Somebody reset this search: what it did after that moment is forgotten here, but not undone. Such a trial counts as what it is, whatever
 * the sampler proposed the second time: it goes on, or has come to its end already.
 */
async function takeUp(run: SearchRun, record: TrialRecord): Promise<void> {
  const { trial, workflowId } = record.state;
  const earlier = await searching.earlierTrial.executeWithOptions({ summary: `trial ${trial}: what it is, begun before a reset` }, [
    { workflowId },
  ]);
  if (earlier === null) return startChildOf(run, record, 1, true);
  record.state = Object.assign({}, record.state, { parameters: earlier.parameters });
  decided(run, trial, 'was begun before this search was reset');
  if (earlier.isRunning) record.inherited = true;
  else if (earlier.summary !== null) ended(run, earlier.summary);
  else return startChildOf(run, record, 1, true);
  run.dirty = true;
}

/** A trial of another run goes on in a folder of this one's: what the other run made stays as it was. */
async function adopt(run: SearchRun, record: TrialRecord): Promise<void> {
  const { output: from, bestExport } = record.state;
  const to = trialOutput(run.output, record.state.trial);
  // What workers of 0.2 answer is undefined.
  const fork = record.fork === null ? {} : { fork: record.fork.output };
  const goesOn: unknown = await pinning.adoptTrial({ profile: run.input.profile, from, to, ...fork });
  record.state = Object.assign({}, record.state, {
    output: to,
    bestExport: bestExport?.startsWith(`${from}/`) ? `${to}${bestExport.slice(from.length)}` : bestExport,
  });
  record.adopted = false;
  const lost = goesOn === 'without-fork' ? beginWithoutFork(record) : goesOn === false && beginAnew(record);
  if (lost) decided(run, record.state.trial, `begins anew${lostFork(goesOn)}: ${from} has no checkpoint any more`);
  run.stopWatching?.();
}

const lostFork = (goesOn: unknown): string =>
  goesOn === 'without-fork' ? ', and from the start, as what it was forked from is gone too' : '';

export function stopTrial(run: SearchRun, record: TrialRecord, reason: string): void {
  if (isOver(record) || record.stopping !== null) return;
  decided(run, record.state.trial, `stopped: ${reason}`);
  requestStop(run, record, reason);
  if (!record.active)
    finalise(run, record, isHeld(record) || isWithoutMachine(record) ? heldSummary(record, reason) : withoutRunning(record, reason));
}

export function requestStop(run: SearchRun, record: TrialRecord, reason: string): void {
  record.stopping = reason;
  if (record.active) tell(run, record, stop, { reason });
}

export const pauseTrial = (run: SearchRun, record: TrialRecord): void => {
  if (record.active) tell(run, record, pause);
};
export const resumeTrial = (run: SearchRun, record: TrialRecord): void => {
  if (record.active) tell(run, record, resume);
};

type Told = typeof stop | typeof pause;

/** Searches of release 0.1 say each wish once, when it comes up; the others reconcile. */
function tell(run: SearchRun, record: TrialRecord, signal: Told, ...args: [{ reason: string }] | []): void {
  if (run.reconciles) {
    run.dirty = true;
    return;
  }
  inBackground(run, null, async () => {
    // Of a trial that has just ended we hear anyway.
    await getExternalWorkflowHandle(record.state.workflowId)
      .signal<[{ reason: string }?]>(signal as typeof stop, ...args)
      .catch((error: unknown) => {
        if (isCancellation(error)) throw error;
      });
  });
}

export function reported(run: SearchRun, report: TrialReport): void {
  const record = recordOf(run, report.trial);
  if (!record?.active) return;
  const now = Date.now();
  endRunning(record, now);
  if (report.status === 'running') record.runningSince = now;
  const { status, attempts, preemptions, pool, cost, onDemandCost, lostCost, note, waitingSince } = report;
  Object.assign(record.state, { status, attempts, preemptions, pool, cost, onDemandCost, lostCost, reason: note, waitingSince });
  for (const [cluster, sign] of Object.entries(report.clusters ?? {})) {
    run.memory.clusters ??= {};
    run.memory.clusters[cluster] = heardLater(run.memory.clusters[cluster], sign);
  }
  if (contradicts(run, record, report)) record.heard = null;
  run.dirty = true;
}

/** Takes in a trial's end, by whichever way it is heard of first. */
export function ended(run: SearchRun, summary: TrialSummary): void {
  const record = recordOf(run, summary.trial);
  if (!record?.active) return;
  record.active = false;
  record.inherited = false;
  endRunning(record, summary.endedAt);
  const { carried } = summary;
  record.busyMs = Math.max(record.busyMs, carried.seconds * 1000);
  record.lastProgress = carried.lastProgress;
  record.carried = carried;
  record.weightsSha256 = summary.weightsSha256;
  const { attempts, preemptions, cost, onDemandCost, lostCost } = carried;
  Object.assign(record.state, {
    attempts,
    preemptions,
    cost,
    onDemandCost,
    lostCost,
    pool: null,
    waitingSince: undefined,
    bestExport: summary.bestExport ?? record.state.bestExport,
  });
  record.verdict = summary.verdict;
  run.dirty = true;
  if (holds(run, record, summary) || waitsForOthers(run, record, summary) || yields(run, record, summary)) return;
  if (needsEvaluation(run, record, summary)) {
    record.ending = summary;
    record.toEvaluate = { export: summary.bestExport ?? '', samples: carried.samples };
  } else finalise(run, record, summary);
}

function failWithoutSummary(run: SearchRun, record: TrialRecord, reason: string): void {
  if (!record.active) return;
  record.active = false;
  record.inherited = false;
  endRunning(record, Date.now());
  finalise(run, record, { ...withoutRunning(record, reason), status: 'failed' });
}

export function endUnreportedTrial(run: SearchRun, trial: number, summary: TrialSummary | null, reason: string): void {
  const record = recordOf(run, trial);
  if (!record) return;
  if (summary) ended(run, summary);
  else failWithoutSummary(run, record, reason);
}

const withoutRunning = (record: TrialRecord, reason: string): Omit<TrialSummary, 'carried'> => ({
  trial: record.state.trial,
  status: 'cancelled',
  objective: null,
  metrics: {},
  reason,
  bestExport: null,
  weightsSha256: null,
  endedAt: Date.now(),
});

/** An offline objective is known only after its export was evaluated. */
function needsEvaluation(run: SearchRun, record: TrialRecord, summary: TrialSummary): boolean {
  const offline = objectivesOf(run).some(({ metric }) => metric.startsWith(OFFLINE));
  const wanted = summary.status === 'succeeded' || summary.status === 'stopped';
  return (
    offline &&
    wanted &&
    run.input.spec.earlyEvaluation !== undefined &&
    summary.bestExport !== null &&
    summary.bestExport !== record.evaluatedExport
  );
}

/** The trial is over for the sampler, the budget and the ledger. */
export function finalise(run: SearchRun, record: TrialRecord, summary: Omit<TrialSummary, 'carried'>): void {
  const { memory } = run;
  record.ending = null;
  record.toEvaluate = null;
  record.asking = null;
  if (record.offlineBest) {
    record.state.bestExport = record.offlineBest.export;
    Object.assign(record.state.offline, record.offlineBest.metrics);
  }
  const end = run.rules === 1 ? endOfV1(record, summary, objectivesOf(run)) : endOf(record, summary, objectivesOf(run));
  const { values, reason } = end;
  const status = record.invalid ? 'failed' : end.status;
  record.values = values;
  const metrics = Object.keys(summary.metrics).length > 0 ? summary.metrics : record.state.metrics;
  Object.assign(record.state, {
    status,
    objective: record.values[0] ?? null,
    reason: reason?.slice(0, REASON_CHARACTERS) ?? null,
    endedAt: summary.endedAt,
    metrics: shortest(run, metrics),
  });
  record.told = memory.tells;
  memory.tells += 1;
  record.unrecorded = true;
  run.dirty = true;
  tellWhatItIsWorth(run, record);
  if (status === 'failed') limitFailures(run, reason ?? 'unknown');
  publish(run);
}

/** In words, among the decisions: which constraints it breaks, and with several objectives which trials it beats in all of them. */
function tellWhatItIsWorth(run: SearchRun, record: TrialRecord): void {
  const { trial, status, metrics, offline } = record.state;
  if (status !== 'succeeded' && status !== 'stopped') return;
  const broken = brokenConstraints(run.input.spec.metricConstraints ?? [], metrics, offline);
  if (broken.length > 0) return decided(run, trial, `cannot be the best: ${broken.join(', ')}`);
  const objectives = objectivesOf(run);
  if (objectives.length === 1 || run.rules === 1) return;
  const [own, ...others] = [record, ...run.memory.records.filter((other) => other !== record && other.told !== null)].map((one) => ({
    trial: one.state.trial,
    values: one.values,
  }));
  const beaten = others.filter((other) => own !== undefined && other.values.length > 0 && dominates(own, other, objectives));
  const beats = beaten.slice(0, MAX_NAMED).map((other) => other.trial);
  if (beats.length > 0) decided(run, trial, `dominates trials ${beats.join(', ')}${beaten.length > MAX_NAMED ? ', …' : ''}`);
}

/** The metrics that matter first; histories and queries hold them for a thousand trials. */
function shortest(run: SearchRun, metrics: Readonly<Record<string, number | null>>): Record<string, number | null> {
  const first = [...objectivesOf(run), ...(run.input.spec.metricConstraints ?? [])].map(({ metric }) => metric);
  const names = [...new Set([...first, ...Object.keys(metrics)])].filter((name) => name in metrics).slice(0, MAX_METRICS);
  return Object.fromEntries(names.map((name) => [name, metrics[name] ?? null]));
}

function limitFailures(run: SearchRun, reason: string): void {
  const { memory, input } = run;
  const failed = memory.records.filter((record) => record.state.status === 'failed').length;
  const allowed =
    input.spec.maxFailedTrials ?? Math.max(FAILURES_ALWAYS_ALLOWED, Math.floor(memory.plannedTrials * FAILURES_ALLOWED_SHARE));
  if (failed > allowed && memory.finishing === null) finish(run, `${failed} trials failed, ${allowed} may; the last one: ${reason}`, true);
}

/** No further trial starts, running ones are stopped with a checkpoint. */
export function finish(run: SearchRun, reason: string, failed: boolean, type?: 'InvalidInput'): void {
  run.memory.finishing = { reason, failed, ...(type === undefined ? {} : { type }) };
  decided(run, null, `ends: ${reason}`);
  for (const record of run.memory.records) if (!isOver(record) && record.ending === null) stopTrial(run, record, reason);
  run.dirty = true;
}

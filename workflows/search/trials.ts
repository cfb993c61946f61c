/** Starting trials, taking over those of before a reset or of another run, and taking in what they report. */
import { CancellationScope, patched, sleep, startChild, WorkflowIdReusePolicy } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { trialOutput } from '../../src/contract/ids.ts';
import { WORKFLOWS } from '../../src/contract/names.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { TrialReport } from '../../src/contract/trial-run.ts';
import { newerSign } from '../../src/rules/clusters.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { pinning, searching, TRIAL_POLICY } from '../policies.ts';
import { decided, inBackground, recordOf, type SearchRun } from './state.ts';
import { comesAgain, reopenMember } from './population-member.ts';
import { endRunning } from './spending.ts';
import { trialInput } from './trial-input.ts';
import { contradicts } from './desired-state.ts';
import type { trial as trialWorkflow } from '../trial/trial.ts';
import { WAITS } from '../../src/rules/durations.ts';
import { beginAnew, beginWithoutFork } from '../../src/rules/reopened-trials.ts';
import { pauseTrial, stop, tell } from './trial-signals.ts';
import { ended, failWithoutSummary } from './trial-ends.ts';

const MAX_STARTS = 60;

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
    run.memory.clusters[cluster] = newerSign(run.memory.clusters[cluster], sign);
  }
  if (contradicts(run, record, report)) record.heard = null;
  run.dirty = true;
}

/** One attempt of a trial, from its place in the pool to its report, whatever becomes of the worker that watches it. */
import { ActivityFailure, CancellationScope, condition, isCancellation, patched } from '@temporalio/workflow';
import type { AttemptInput, AttemptReport } from '../../src/contract/attempts.ts';
import { withoutAbsence } from '../../src/rules/fruitless.ts';
import { backoffSeconds, type PlacementChoice } from '../../src/rules/placement.ts';
import { absenceMs } from '../absence.ts';
import { watchPools } from './pool-watch.ts';
import { acquirePlaces, releasePlaces } from '../pools/slots.ts';
import { cleanUpOnRequest } from '../clean-up.ts';
import { isClusterLost, isTimeout } from '../failures.ts';
import { handOver } from '../job-ending.ts';
import { attempts, endings } from '../policies.ts';
import { attemptInput, unforeseenMessageOf } from './decisions.ts';
import { isSeveral, endLostAttempt } from './lost-cluster.ts';
import { reportOf, reportToSearch } from './messages.ts';
import type { TrialRun } from './state.ts';

/** Null when it was stopped or paused before anything ran. */
export async function nextAttempt(run: TrialRun, choice: PlacementChoice): Promise<AttemptReport | null> {
  const { pool } = choice;
  run.carried.placement = choice.state;
  if (!(await acquirePlaces(run, pool))) return null;
  try {
    run.carried.startedAt ??= Date.now();
    run.pool = pool.name;
    run.waits = null;
    await reportToSearch(run.input, { ...reportOf(run), attempts: run.carried.attempts + 1 });
    if (run.stop !== null || run.paused) return null;
    // Not before: where the search could not be told, or the trial was cancelled meanwhile, there was no attempt.
    run.carried.attempts += 1;
    return await interruptible(run, choice);
  } finally {
    await CancellationScope.nonCancellable(() => releasePlaces(run, pool));
  }
}

/** Ends the attempt, with a checkpoint, when the trial is stopped or paused, or when a pool that is looked at has a machine. */
async function interruptible(run: TrialRun, choice: PlacementChoice): Promise<AttemptReport | null> {
  run.begunAt = Date.now();
  const scope = new CancellationScope();
  const poolWatch = new CancellationScope();
  run.interrupt = () => {
    scope.cancel();
  };
  const input = attemptInput(run, choice);
  const summary = `attempt ${run.carried.attempts} on ${choice.pool.name}: ${choice.reason}`;
  const over = run.asksJobs ? cleanUpOnRequest(scope, () => endings(input.trial).askAttemptToEnd(input)) : undefined;
  const looking = poolWatch.run(() => watchPools(run, choice.looks)).catch(() => undefined);
  try {
    run.last = await scope.run(() => attempts(input, run.asksJobs).runAttempt.executeWithOptions({ summary }, [input]));
    run.clusters.heard = input.pool.cluster ?? null;
    if (run.last.letGo) await handOverLetGo(input, run.last);
    return run.last;
  } catch (error) {
    if (isSeveral(input) && isClusterLost(error)) return await endLostAttempt(run, input);
    if (run.reconciles && !scope.consideredCancelled) return await givenUp(run, input, error);
    // Temporal tries nothing again that was cancelled: whatever it failed of, the Job may go on.
    const isUnheard = isCancellation(error) || isTimeout(error) || (run.reconciles && error instanceof ActivityFailure);
    if (!scope.consideredCancelled || !isUnheard) throw error;
    // No worker was there to be asked: none had begun, or the one that had is gone, and the Job goes on.
    const report = await CancellationScope.nonCancellable(() => endOf(run, input));
    if (report === null && CancellationScope.current().consideredCancelled) throw error;
    return report;
  } finally {
    over?.();
    run.waits = null;
    run.interrupt = null;
    poolWatch.cancel();
    await looking;
  }
}

/** Its machines are about to tell of their end; until they have, its Job is somebody's. */
async function handOverLetGo(
  { mayLetGo: _mayLetGo, lostAfterSeconds: _bound, ...input }: AttemptInput,
  { verdict, cause, cost, onDemandCost, lostCost }: AttemptReport,
): Promise<void> {
  const judged = verdict === 'preempted' ? {} : { judged: verdict };
  await handOver({
    kind: 'attempt',
    input: { ...input, lost: cause, ...judged, isLogKept: true, counted: { cost, onDemandCost, lostCost } },
  });
}

/**
 * The activity that watched the attempt failed for good; its Job may go on, so that it is ended first. What no one foresaw costs a retry,
 * as a crash does; the rest, such as a permission that is missing, fails the trial.
 */
async function givenUp(run: TrialRun, input: AttemptInput, error: unknown): Promise<AttemptReport | null> {
  const report = await CancellationScope.nonCancellable(() => endOf(run, input).catch(() => null));
  const message = unforeseenMessageOf(error);
  if (message === null) throw error;
  if (report !== null) return { ...report, verdict: 'crashed', cause: `it could not be watched any more: ${message}` };
  const inRow = (run.carried.crashesInRow ?? run.carried.crashes) + 1;
  Object.assign(run.carried, { crashes: run.carried.crashes + 1, crashesInRow: inRow });
  if (inRow > run.input.spec.maxCrashes) throw error;
  run.note = message;
  await backOff(run, backoffSeconds('crashed', inRow, run.carried.placement, 1));
  return null;
}

/** Null where there was no attempt after all: its number is the next one's. Null also where nobody could look. */
async function endOf(run: TrialRun, input: AttemptInput): Promise<AttemptReport | null> {
  try {
    const report = await endings(input.trial).endAttempt(input);
    if (report === null) run.carried.attempts -= 1;
    else run.last = report;
    return report;
  } catch (error) {
    if (isSeveral(input) && (isTimeout(error) || isClusterLost(error))) return endLostAttempt(run, input);
    if (!isTimeout(error)) throw error;
    const { lostAfterSeconds: _bound, ...patient } = input;
    if (patched('job-ending'))
      await handOver({ kind: 'attempt', input: { ...patient, counted: { cost: 0, onDemandCost: 0, lostCost: 0 } } });
    return null;
  }
}

export async function backOff(run: TrialRun, seconds: number): Promise<void> {
  if (seconds === 0) return;
  const begun = Date.now();
  await condition(() => run.stop !== null || run.paused, seconds * 1000);
  Object.assign(run.carried, withoutAbsence(run.carried, absenceMs(begun, seconds * 1000)));
}

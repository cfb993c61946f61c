/** A trial: attempts, one Job each, until one succeeds. Machines may go; the trial goes on from its last committed checkpoint. */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  makeContinueAsNewFunc,
  patched,
  setHandler,
  setWorkflowOptions,
  workflowInfo,
} from '@temporalio/workflow';
import { INTERNAL_SIGNALS, QUERIES, SIGNALS } from '../../src/contract/names.ts';
import type { Pool } from '../../src/contract/profile.ts';
import type { AttemptReport } from '../../src/contract/attempts.ts';
import type { AttemptWaits, PlacementState, TrialInput, TrialReport, TrialSummary } from '../../src/contract/trial-run.ts';
import { backoffSecondsV1, choosePoolV1, spotPositionsV1 } from '../../src/rules/placement-v1.ts';
import { afterFound, backoffSeconds, choosePool, type PlacementChoice, poolOrder } from '../../src/rules/placement.ts';
import { emptyCarried } from '../../src/rules/reopened-trials.ts';
import { remainingSeconds } from '../../src/rules/deadline-slack.ts';
import { AWAITS_REGISTRY } from '../../src/rules/attempt-ends.ts';
import { playFaster, WAITS } from '../../src/rules/durations.ts';
import { fruitlessEnd, fruitlessPauseSeconds, registryPauseSeconds } from '../../src/rules/fruitless.ts';
import { refreshPoolRates, waitForMachine } from './machine-wait.ts';
import { endIfCancelled } from '../end-if-cancelled.ts';
import { withSearchWatch } from './search-watch.ts';
import { grantedSignal } from '../pools/slots.ts';
import { withMovedGb } from '../../src/rules/clusters.ts';
import { inClusterThatAnswers, noAnswer, noNews } from '../clusters.ts';
import { attemptCostSignal, countMoney } from '../late-costs.ts';
import { afterReport, failedSummary, messageOf, summaryOf } from './decisions.ts';
import { reportOf, reportToSearch, reportEndToSearch } from './messages.ts';
import type { TrialRun } from './state.ts';
import { backOff, nextAttempt } from './attempt.ts';

export const stopSignal = defineSignal<[{ reason: string }?]>(SIGNALS.stop);
export const pauseSignal = defineSignal(SIGNALS.pause);
export const resumeSignal = defineSignal(SIGNALS.resume);
export const attemptWaitsSignal = defineSignal<[AttemptWaits]>(INTERNAL_SIGNALS.attemptWaits);
export const stateQuery = defineQuery<TrialReport>(QUERIES.state);
export const trialEndedSignal = defineSignal<[TrialSummary]>(INTERNAL_SIGNALS.trialEnded);
export const trialReportSignal = defineSignal<[TrialReport]>(INTERNAL_SIGNALS.trialReport);

// Days long, and simple: each attempt ends on the version of the workers that it began on.
setWorkflowOptions(() => (workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'PINNED' } : {}), trial);
export async function trial(input: TrialInput): Promise<TrialSummary> {
  playFaster(input.factor);
  const run = setUp(input);
  const summary = await withSearchWatch(run, () => runToItsEnd(run)).catch((error: unknown) => {
    if (isCancellation(error)) return summaryOf(run, 'cancelled', 'cancelled', null);
    const message = messageOf(error);
    if (message === null) throw error;
    return failedSummary(run, message);
  });
  await CancellationScope.nonCancellable(() => reportEndToSearch(input, summary));
  return summary;
}

function setUp(input: TrialInput): TrialRun {
  const run: TrialRun = {
    input,
    reconciles: patched('wanted-state'),
    placesByRates: patched('places-by-rates'),
    // Asked only then: what workers of before answered is in no history.
    awaitsRegistry: ({ awaits }) => awaits === 'registry' && patched('registry-waits'),
    carried: input.carried ?? input.resumed ?? emptyCarried(),
    rules: patched('crashes-without-training') ? 2 : 1,
    asksJobs: patched('ask-jobs-to-end'),
    movesOn: patched('move-between-attempts'),
    handsOver: (input.spec.resources.nodes ?? 1) > 1 && patched('hand-over-what-let-go'),
    stop: input.wanted?.stop ?? null,
    paused: input.wanted?.paused ?? false,
    pool: null,
    note: null,
    waits: null,
    places: { pool: { granted: false, token: null }, quota: { granted: false, token: null } },
    requests: 0,
    clusters: noNews(),
    found: null,
    interrupt: null,
  };
  setHandler(stopSignal, (request) => {
    run.stop = request?.reason ?? 'asked to stop';
    run.interrupt?.();
  });
  setHandler(pauseSignal, () => {
    run.paused = true;
    run.interrupt?.();
  });
  setHandler(resumeSignal, () => {
    run.paused = false;
  });
  setHandler(grantedSignal, (grant) => {
    // Release 0.1 named none, and knew pools only.
    const place = grant?.token === undefined ? run.places.pool : Object.values(run.places).find(({ token }) => token === grant.token);
    if (place) place.granted = true;
  });
  setHandler(attemptWaitsSignal, ({ attempt, waiting, since, cluster }) => {
    if (run.pool === null || attempt !== run.carried.attempts) return;
    // Attempts before this one have waited for the same.
    const first = waiting?.startsWith(AWAITS_REGISTRY) ? (run.carried.registry?.since ?? since) : since;
    run.waits = waiting === null ? null : { what: waiting, ...(first === undefined ? {} : { since: first }) };
    const name = run.input.profile.pools.find((pool) => pool.name === run.pool)?.cluster;
    if (cluster !== undefined && name !== undefined) run.clusters.known[name] = cluster;
    reportToSearch(run.input, reportOf(run)).catch(() => undefined);
  });
  setHandler(attemptCostSignal, (rest) => {
    countMoney(run.carried, rest);
    // A worker that is older than the one which told it reports nothing.
    if (run.pool !== null && patched('report-late-costs')) reportToSearch(run.input, reportOf(run)).catch(() => undefined);
  });
  setHandler(stateQuery, () => reportOf(run));
  return run;
}

async function runToItsEnd(run: TrialRun): Promise<TrialSummary> {
  for (;;) {
    await waitWhilePaused(run);
    if (run.stop !== null) return summaryOf(run, 'stopped', run.stop, run.last ?? null);
    await refreshPoolRates(run);
    run.found = null;
    const choice = await inClusterThatAnswers(run.input.profile, run.clusters, run.carried.placement, (state) => choose(run, state));
    if (choice === null) {
      const summary = await withoutCluster(run);
      if (summary !== null) return summary;
      continue;
    }
    if (choice.waitSeconds !== null) {
      const ended = await waitForMachine(run, choice);
      if (ended !== null) return ended;
      endIfCancelled();
      const asks = afterMachineCame(run);
      if (asks !== null) return asks;
      await continueIfLong(run);
      await moveOn(run);
      continue;
    }
    const report = await nextAttempt(run, choice);
    const next = report && afterReport(run, choice, report, Date.now());
    takeFound(run);
    if (report === null || next === null) continue;
    if (next.summary) return next.summary;
    // A cancelled attempt answers as any that was stopped.
    endIfCancelled();
    const pause = pauseSeconds(run, report, next.repeats);
    const wait = run.reconciles ? Math.max(pause, fruitlessPauseSeconds(run.carried.fruitless)) : pause;
    const asks = wait === 0 ? afterMachineWent(run, report) : null;
    if (asks !== null) return asks;
    if (run.waits !== null) await reportToSearch(run.input, reportOf(run));
    await backOff(run, wait);
    run.waits = null;
    await continueIfLong(run);
    await moveOn(run);
  }
}

/** Null: the trial goes on by itself. */
const afterMachineWent = (run: TrialRun, { verdict }: AttemptReport): TrialSummary | null =>
  run.input.yields === true && verdict === 'preempted' && run.stop === null && !run.paused ? yielded(run, null) : null;
const afterMachineCame = (run: TrialRun): TrialSummary | null =>
  run.input.yields === true && run.found !== null && run.stop === null && !run.paused ? yielded(run, run.found) : null;

/** The scheduler of its search decides which trial gets the next machine, or the one that came. */
const yielded = (run: TrialRun, found: Pool | null): TrialSummary => ({
  ...summaryOf(run, 'stopped', found === null ? 'its machine went' : `there is a machine of ${found.name}`, run.last ?? null),
  yielded: { found: found?.name ?? null },
});

/** A look found a machine while the attempt ran: the next one goes there. */
function takeFound({ placesByRates, found, carried }: TrialRun): void {
  if (placesByRates && found !== null) carried.placement = afterFound(carried.placement, found);
}

function pauseSeconds(run: TrialRun, { verdict }: AttemptReport, repeats: number): number {
  if (run.waits !== null && run.carried.registry) return registryPauseSeconds(run.carried.registry);
  const { placement, pools } = run.input.profile;
  const count = poolOrder(placement, pools).length;
  if (run.placesByRates) return backoffSeconds(verdict, repeats, run.carried.placement, count);
  const inTurn = run.reconciles && spotPositionsV1(placement, pools).length > 0;
  return backoffSecondsV1(verdict, repeats, run.carried.placement.emptyPools, count, inTurn);
}

async function continueIfLong(run: TrialRun): Promise<void> {
  endIfCancelled();
  if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof trial>(nextInput(run));
}

/** To the build that became current meanwhile: an attempt that ended left nothing behind that the next one could not take up. */
async function moveOn(run: TrialRun): Promise<void> {
  if (!run.movesOn || !workflowInfo().targetWorkerDeploymentVersionChanged) return;
  await makeContinueAsNewFunc<typeof trial>({ initialVersioningBehavior: 'AUTO_UPGRADE' })(nextInput(run));
}

const nextInput = ({ input, carried, stop, paused }: TrialRun): TrialInput => ({
  ...input,
  resumed: null,
  carried,
  wanted: { stop, paused },
});

async function waitWhilePaused(run: TrialRun): Promise<void> {
  if (!run.paused || run.stop !== null) return;
  run.pool = null;
  await reportToSearch(run.input, reportOf(run));
  await condition(() => !run.paused || run.stop !== null);
  // It waited for nothing meanwhile, neither for a machine nor for a registry.
  const { carried } = run;
  const hasWaited = (carried.withoutCapacitySince ?? null) !== null || (carried.registry ?? null) !== null;
  if (hasWaited && patched('patience-after-a-pause')) run.carried = { ...carried, withoutCapacitySince: null, registry: null };
}

/** Null: it is worth asking again. */
async function withoutCluster(run: TrialRun): Promise<TrialSummary | null> {
  const { carried, input } = run;
  const now = Date.now();
  carried.withoutCapacitySince ??= now;
  const end = fruitlessEnd(carried, 'no-capacity', input.profile.placement, now);
  if (end !== null) return failedSummary(run, end);
  run.note = noAnswer(run.clusters);
  await reportToSearch(input, reportOf(run));
  await backOff(run, WAITS.allPoolsEmptyMs / 1000);
  await continueIfLong(run);
  return null;
}

function choose(run: TrialRun, state: PlacementState): PlacementChoice {
  const { profile, deadlineAt } = run.input;
  const remaining = remainingSeconds(run.carried.done, trainedSeconds(run));
  const moment = {
    rules: withMovedGb(profile.placement, run.carried.moveBytes),
    pools: profile.pools,
    state,
    now: Date.now(),
    deadlineAt,
    remainingSeconds: remaining,
    trainedSeconds: trainedSeconds(run),
  };
  return run.placesByRates
    ? choosePool({ ...moment, rates: run.carried.rates ?? null })
    : choosePoolV1({ ...moment, spreads: run.reconciles });
}

/** A trial that began before this was counted has its machines' time only. */
const trainedSeconds = ({ carried }: TrialRun): number => carried.trainedSeconds ?? carried.seconds;

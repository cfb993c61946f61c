/** What follows from the end of an attempt (DESIGN.md §5). Pure, but for the trial's own state. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { Pool, Profile } from '../../src/contract/profile.ts';
import type { AttemptInput, AttemptReport, CapacityInput } from '../../src/contract/attempts.ts';
import type { TrialCarried, TrialSummary } from '../../src/contract/trial-run.ts';
import { profileIn } from '../../src/contract/clusters.ts';
import { lostAfterSeconds } from '../../src/rules/clusters.ts';
import { afterRegistryWait, fruitlessEnd, registryEnd } from '../../src/rules/fruitless.ts';
import { grownMemoryMb, growsMemory } from '../../src/rules/memory-growth.ts';
import { afterAttemptV1, spotPositionsV1 } from '../../src/rules/placement-v1.ts';
import { afterAttempt, poolOrder } from '../../src/rules/placement.ts';
import type { PlacementChoice } from '../../src/rules/placement.ts';
import { countMoney } from '../late-costs.ts';
import { ownTeam } from '../pools/slots.ts';
import type { TrialRun } from './state.ts';

/** Attempts in a row that were deleted, silent or fenced and trained nothing: someone or something is against it. */
const MAX_FRUITLESS = 10;
const LOG_LINES_IN_REASON = 15;
/** Preemptions before any sample was trained: soon again means waiting a little. */
const PREEMPTIONS_WITHOUT_PAUSE = 3;

export function attemptInput(run: TrialRun, choice: Pick<PlacementChoice, 'pool' | 'noCapacitySeconds'>): AttemptInput {
  const { resumed: _resumed, carried: _carried, wanted: _wanted, ...input } = run.input;
  const trial = { ...input, profile: profileIn(input.profile, choice.pool) };
  const { carried } = run;
  return {
    trial,
    attempt: carried.attempts,
    pool: choice.pool,
    memoryMb: grownMemoryMb(trial.spec.resources.memoryMb, carried.memoryRetries, trial.profile),
    noCapacitySeconds: choice.noCapacitySeconds,
    lastProgress: carried.lastProgress,
    samples: carried.samples,
    meanSecondsBetweenPreemptions: carried.preemptions > 0 && carried.seconds > 0 ? carried.seconds / carried.preemptions : null,
    preemptedAt: carried.preemptedAt ?? null,
    ...lostAfter(input.profile, choice.pool),
    ...(run.handsOver && countsNothing(trial.profile, choice.pool) ? { mayLetGo: true } : {}),
  };
}

/** Where the places of a pool, of a team or of a queue are counted, an attempt has its own until all of its machines have told of their end. */
const countsNothing = ({ compute }: Profile, pool: Pool): boolean =>
  pool.maxAttempts === undefined && ownTeam() === null && !(compute.kind === 'kubernetes' && compute.queue !== undefined);

/** A Job that asks for what the trial's next attempt in that pool would ask for. */
export function capacityInput(run: TrialRun, pool: Pool): CapacityInput {
  const { trial, attempt, memoryMb } = attemptInput(run, { pool, noCapacitySeconds: 0 });
  return { trial, attempt, memoryMb, pool, ...lostAfter(run.input.profile, pool) };
}

function lostAfter(profile: Profile, pool: Pool): Pick<AttemptInput, 'lostAfterSeconds'> {
  const seconds = lostAfterSeconds(profile, pool);
  return seconds === null ? {} : { lostAfterSeconds: seconds };
}

/**
 * Adds the attempt to the sums; `summary` when the trial is over, `repeats` for the pause before the next attempt.
 *
 * @param choice which led to it
 */
export function afterReport(
  run: TrialRun,
  choice: PlacementChoice,
  report: AttemptReport,
  now: number,
): { summary: TrialSummary | null; repeats: number } {
  const { carried, input } = run;
  const trained = report.samples > carried.samples;
  carried.lastProgress = report.lastProgress;
  carried.samples = report.samples;
  carried.done = report.done ?? carried.done;
  countMoney(carried, report);
  const seconds = report.startedAt === null ? 0 : (report.endedAt - report.startedAt) / 1000;
  carried.trainedSeconds = (carried.trainedSeconds ?? carried.seconds) + (report.trainedSeconds ?? seconds);
  carried.seconds += seconds;
  if (report.moveBytes !== undefined) carried.moveBytes = report.moveBytes;
  if (run.reconciles) countFruitless(carried, report, trained, now);
  else carried.fruitless = trained ? 0 : carried.fruitless + 1;
  carried.preemptedAt = report.verdict === 'preempted' ? report.endedAt : null;
  carried.placement = run.placesByRates
    ? afterAttempt(choice, report.verdict)
    : afterAttemptV1(
        input.profile.placement,
        poolOrder(input.profile.placement, input.profile.pools).length,
        choice.state,
        report.verdict,
        now,
        run.reconciles ? spotPositionsV1(input.profile.placement, input.profile.pools) : [],
      );
  run.note = `attempt ${carried.attempts} on ${report.pool}: ${report.verdict}, ${report.cause}`;
  run.pool = null;

  const noImage = afterNoImage(run, choice, report, now);
  if (noImage !== null) return noImage;
  if (report.verdict === 'preempted') carried.preemptions += 1;
  const end = run.reconciles ? fruitlessEnd(carried, report.verdict, input.profile.placement, now) : null;
  if (end !== null) return { summary: failed(run, report, end), repeats: 0 };
  switch (report.verdict) {
    case 'succeeded':
      return { summary: summaryOf(run, 'succeeded', null, report), repeats: 0 };
    case 'stopped':
      return { summary: run.stop === null ? null : summaryOf(run, 'stopped', run.stop, report), repeats: 0 };
    case 'preempted':
      return { summary: null, repeats: Math.max(0, carried.fruitless - PREEMPTIONS_WITHOUT_PAUSE) };
    case 'no-capacity':
      return { summary: null, repeats: 0 };
    case 'deleted':
    case 'silent':
    case 'fenced':
      return {
        summary: carried.fruitless > MAX_FRUITLESS ? failed(run, report, `${carried.fruitless} attempts in a row trained nothing`) : null,
        repeats: carried.fruitless,
      };
    case 'out-of-memory':
      if (!growsMemory(report.verdict, carried.memoryRetries, input.profile)) return { summary: failed(run, report, null), repeats: 0 };
      carried.memoryRetries += 1;
      return { summary: null, repeats: 0 };
    case 'bad-input':
      return { summary: failed(run, report, null), repeats: 0 };
    case 'crashed':
      return afterCrash(run, report, trained);
  }
}

/** Null: its registry gave the image, or there was no machine to ask for it. Otherwise the pool is not to blame, nor how long it took to have it. */
function afterNoImage(
  run: TrialRun,
  choice: PlacementChoice,
  report: AttemptReport,
  now: number,
): { summary: TrialSummary | null; repeats: number } | null {
  const { carried } = run;
  if (report.startedAt !== null && carried.registry) carried.registry = null;
  if (!run.awaitsRegistry(report)) return null;
  carried.registry = afterRegistryWait(carried.registry, now);
  carried.withoutCapacitySince = null;
  carried.placement = afterAttempt(choice, 'stopped');
  run.waits = { what: report.cause, since: carried.registry.since };
  const end = registryEnd(carried.registry, now);
  return { summary: end === null ? null : failed(run, report, end), repeats: 0 };
}

/** Crashes between which it trained on are different ones: a store that was away, a machine that was bad. */
function afterCrash(run: TrialRun, report: AttemptReport, trained: boolean): { summary: TrialSummary | null; repeats: number } {
  const { carried, input } = run;
  carried.crashesInRow = run.rules === 1 || !trained ? (carried.crashesInRow ?? carried.crashes) + 1 : 1;
  carried.crashes += 1;
  const why = `crashed ${carried.crashesInRow} times${run.rules === 1 || carried.crashesInRow === carried.crashes ? '' : ' without training on'}`;
  return { summary: carried.crashesInRow > input.spec.maxCrashes ? failed(run, report, why) : null, repeats: carried.crashesInRow };
}

/** Tries are counted since the last progress; waiting for a machine is none. */
function countFruitless(carried: TrialCarried, { verdict }: AttemptReport, trained: boolean, now: number): void {
  const waited = verdict === 'no-capacity';
  carried.withoutCapacitySince = waited ? (carried.withoutCapacitySince ?? now) : null;
  carried.fruitless = trained ? 0 : carried.fruitless + (waited || verdict === 'stopped' ? 0 : 1);
}

function failed(run: TrialRun, report: AttemptReport, why: string | null): TrialSummary {
  const log = report.logTail.trimEnd().split('\n').slice(-LOG_LINES_IN_REASON).join('\n');
  const reason = [`${why ? `${why}; the last time: ` : ''}${report.verdict}, ${report.cause}`, log].filter(Boolean).join('\n');
  return summaryOf(run, 'failed', reason, report);
}

export function failedSummary(run: TrialRun, reason: string): TrialSummary {
  return summaryOf(run, 'failed', reason, run.last ?? null);
}

export function summaryOf(
  run: TrialRun,
  status: TrialSummary['status'],
  reason: string | null,
  report: AttemptReport | null,
): TrialSummary {
  // A trial that goes on reads them anew; its search would carry them for each.
  const { rates: _rates, ratesAskedAt: _askedAt, ...carried } = run.carried;
  return {
    trial: run.input.trial,
    status,
    objective: report?.objective ?? null,
    metrics: report?.metrics ?? {},
    reason,
    bestExport: report?.bestExport ?? null,
    weightsSha256: report?.weightsSha256 ?? null,
    endedAt: Date.now(),
    ...(report ? { verdict: report.verdict } : {}),
    carried,
  };
}

/** The message of an activity that failed for a reason that no one foresaw; null for all other errors. */
export function unforeseenMessageOf(error: unknown): string | null {
  const cause = error instanceof ActivityFailure ? error.cause : null;
  return cause instanceof ApplicationFailure && cause.type === 'Unexpected' ? cause.message : null;
}

/** The message of an activity that failed for good; null for defects, which must not be hidden. */
export function messageOf(error: unknown): string | null {
  if (error instanceof ActivityFailure) return error.cause?.message ?? error.message;
  return error instanceof ApplicationFailure ? error.message : null;
}

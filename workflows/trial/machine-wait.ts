/** What a trial does before it has a machine: it hears how the pools did of late, and waits for one that has a machine again. */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import { WAITS } from '../../src/rules/durations.ts';
import { fruitlessEnd, withoutAbsence } from '../../src/rules/fruitless.ts';
import { afterFound, afterWaiting, learnsRates } from '../../src/rules/placement.ts';
import type { PlacementChoice } from '../../src/rules/placement.ts';
import { absenceMs } from '../absence.ts';
import { observing } from '../policies.ts';
import { failedSummary } from './decisions.ts';
import { reportOf, reportToSearch } from './messages.ts';
import { watchPools } from './pool-watch.ts';
import type { TrialRun } from './state.ts';

/** What other attempts met in the pools: read at first, and then only after hours, whatever else happens. */
export async function refreshPoolRates(run: TrialRun): Promise<void> {
  const { profile } = run.input;
  if (!run.placesByRates || !learnsRates(profile.placement, profile.pools)) return;
  const { carried } = run;
  if (carried.ratesAskedAt !== undefined && Date.now() - carried.ratesAskedAt < WAITS.poolRatesReadMs) return;
  carried.ratesAskedAt = Date.now();
  carried.rates = await observing.poolRates({ profile }).catch((error: unknown) => {
    if (isCancellation(error)) throw error;
    return carried.rates ?? null;
  });
}

/** With nothing running, until a pool has a machine, or the time for it is over. @returns the end of a trial that has waited for too long */
export async function waitForMachine(run: TrialRun, choice: PlacementChoice): Promise<TrialSummary | null> {
  const { carried, input } = run;
  carried.withoutCapacitySince ??= Date.now();
  carried.placement = choice.state;
  run.note = choice.reason;
  await reportToSearch(input, reportOf(run));
  const begun = Date.now();
  const waitMs = (choice.waitSeconds ?? 0) * 1000;
  const scope = new CancellationScope();
  const watching = scope.run(() => watchPools(run, choice.looks)).catch(() => undefined);
  try {
    await condition(() => run.found !== null || run.stop !== null || run.paused, waitMs);
  } finally {
    scope.cancel();
    await CancellationScope.nonCancellable(() => watching);
  }
  Object.assign(carried, withoutAbsence(carried, absenceMs(begun, waitMs)));
  if (run.found !== null) carried.placement = afterFound(choice.state, run.found);
  else if (run.stop === null && !run.paused) carried.placement = afterWaiting(choice);
  if (run.found !== null || run.stop !== null) return null;
  const end = fruitlessEnd(carried, 'no-capacity', input.profile.placement, Date.now());
  return end === null ? null : failedSummary(run, end);
}

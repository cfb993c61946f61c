/** Keeps what `longhaul run --by … --cost …` promised: begins fewer trials, has them leave spot machines in time, and ends with what there is. */
import type { TrialRecord } from '../../src/contract/search.ts';
import { knownOf, trialsThatFit, type Begun, type Standing, type Used } from '../../src/rules/promise.ts';
import { GRACES, WAITS } from '../../src/rules/durations.ts';
import type { SearchRun } from './state.ts';
import { decided, isOver, isReplicate, notifyPeople } from './state.ts';
import { isHeld } from './held-trials.ts';
import { lastMoment } from './last-moment.ts';
import { trialsPromised, newTrialsLeft } from './places.ts';
import { costPerSecond, liveCost, spent, trainedSeconds } from './spending.ts';
import { finish } from './trial-ends.ts';
import { publish } from './view.ts';

export function keepPromise(run: SearchRun): void {
  const { promise } = run.input.spec;
  if (promise === undefined || run.memory.finishing !== null) return;
  const reason = whyNow(run, Date.now());
  if (reason !== null) {
    notifyPeople(run, 'budget', `${run.id}: ${reason}`);
    return finish(run, reason, false);
  }
  if (run.memory.promised?.tells !== run.memory.tells) allowTrials(run);
}

function whyNow(run: SearchRun, now: number): string | null {
  const { promise } = run.input.spec;
  const last = lastMoment(run);
  if (last !== null && now >= last) return `it was promised to be over by ${promise?.by ?? ''}`;
  const { currency } = run.input.profile;
  const cost = spent(run, now).cost + costPerSecond(run) * WAITS.promiseMarginShortestSeconds;
  if (promise?.cost !== undefined && cost >= promise.cost) return `it was promised to cost at most ${promise.cost} ${currency}`;
  return null;
}

/** Also more than before, when trials turn out to be shorter than was thought. */
function allowTrials(run: SearchRun): void {
  const { memory } = run;
  const now = Date.now();
  const open = memory.records.filter((record) => !isOver(record));
  const last = lastMoment(run);
  const cost = run.input.spec.promise?.cost;
  const planned = Math.max(0, memory.plannedTrials - memory.records.length);
  const fit = trialsThatFit(
    {
      secondsLeft: last === null ? null : (last - now) / 1000,
      costLeft: cost === undefined ? null : cost - spent(run, now).cost,
      begun: open.map((record) => ({ ...usedBy(run, record, now), ...waitsOf(run, record) })),
      places: memory.parallel,
      planned,
      ...replicatesToCome(run, now),
    },
    [...knownOf(overOf(run, now), usedIn(run.input.spec.promise?.samples)), ...heldOf(run, now)],
  );
  const before = trialsPromised(run);
  const trials = fit < planned ? memory.records.length + fit : Number.MAX_SAFE_INTEGER;
  memory.promised = { trials, tells: memory.tells };
  if (trials === before || (before === Number.POSITIVE_INFINITY && fit >= planned)) return;
  const text =
    fit < planned
      ? `begins ${fit} of ${planned} further trials: for more it would not keep what was promised in 95 of 100 cases`
      : 'has room for all planned trials again';
  decided(run, null, text);
  memory.reason = fit < planned ? text : null;
  publish(run);
  if (fit < planned && before > trials && newTrialsLeft(run) === 0)
    notifyPeople(run, 'budget', `${run.id}: begins no further trial, to keep what was promised`);
}

const usedBy = (run: SearchRun, record: TrialRecord, now: number): Used => ({
  seconds: trainedSeconds(record, now),
  cost: liveCost(run, record, now),
});

const overOf = (run: SearchRun, now: number): Used[] =>
  run.memory.records
    .filter((record) => isOver(record) && record.busyMs > 0)
    .filter((record) => !run.wholeReplicates || !isReplicate(record))
    .map((record) => usedBy(run, record, now));

/** Most of them go no further; how long those are that do, the others say. */
const heldOf = (run: SearchRun, now: number): Used[] =>
  run.memory.records.filter((record) => !isOver(record) && waitsOf(run, record).waits === 'held').map((record) => usedBy(run, record, now));

function waitsOf(run: SearchRun, record: TrialRecord): Pick<Begun, 'waits'> {
  if (!run.promisesHeld || record.active) return {};
  return { waits: isHeld(record) ? 'held' : 'queued' };
}

/** They come when all trials are over, and train to their ends. */
function replicatesToCome(run: SearchRun, now: number): Pick<Standing, 'after'> {
  const { replicates, promise } = run.input.spec;
  if (!run.wholeReplicates || replicates === undefined) return {};
  const { records, plannedTrials } = run.memory;
  const begun = new Set(records.filter(isReplicate).map(({ state }) => state.parent)).size;
  const finalists = Math.max(0, Math.min(replicates.of, plannedTrials) - begun);
  const finished = records.filter((record) => record.state.status === 'succeeded' && record.busyMs > 0);
  const known = knownOf(
    finished.map((record) => usedBy(run, record, now)),
    usedIn(promise?.finished),
  );
  return { after: { trainings: finalists * replicates.seeds, known } };
}

const usedIn = (samples: readonly (readonly [number, number])[] = []): Used[] => samples.map(([seconds, cost]) => ({ seconds, cost }));

/** Seconds until it has to be looked at again; null: no promise. */
export function secondsUntilPromise(run: SearchRun): number | null {
  const { promise } = run.input.spec;
  if (promise === undefined || run.memory.finishing !== null) return null;
  const now = Date.now();
  const last = lastMoment(run);
  const waits = last === null ? [] : [(last - now) / 1000];
  const perSecond = costPerSecond(run);
  if (promise.cost !== undefined && perSecond > 0)
    waits.push((promise.cost - spent(run, now).cost) / perSecond - WAITS.promiseMarginShortestSeconds);
  return waits.length === 0 ? null : Math.max(GRACES.promiseLookShortestSeconds, Math.ceil(Math.min(...waits)));
}

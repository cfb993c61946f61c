/** Keeps what `longhaul run --by … --cost …` promised: begins fewer trials, has them leave spot machines in time, and ends with what there is. */
import { knownOf, trialsThatFit, type Used } from '../../src/rules/promise.ts';
import { GRACES, WAITS } from '../../src/rules/durations.ts';
import type { SearchRun } from './state.ts';
import { decided, isOver, notifyPeople } from './state.ts';
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
      begun: open.map((record) => ({ seconds: trainedSeconds(record, now), cost: liveCost(run, record, now) })),
      places: memory.parallel,
      planned,
    },
    knownOf(overOf(run, now), earlierOf(run)),
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

const overOf = (run: SearchRun, now: number): Used[] =>
  run.memory.records
    .filter((record) => isOver(record) && record.busyMs > 0)
    .map((record) => ({ seconds: trainedSeconds(record, now), cost: liveCost(run, record, now) }));

const earlierOf = ({ input }: SearchRun): Used[] => (input.spec.promise?.samples ?? []).map(([seconds, cost]) => ({ seconds, cost }));

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

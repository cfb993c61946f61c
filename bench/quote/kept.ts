/** A search that keeps what was promised of it, played event by event: trials that end, and the moment at which those that run have to be stopped. */
import { knownOf, marginSeconds, trialsThatFit, type Used } from '../../src/rules/promise.ts';
import { WAITS } from '../../src/rules/durations.ts';

interface Promised {
  /** Seconds from the start. */
  readonly end: number;
  readonly cost: number;
}

interface Kept {
  readonly end: number;
  readonly cost: number;
  readonly begun: number;
  readonly cutShort: boolean;
}

interface Place {
  readonly trial: Used;
  readonly since: number;
}

/** What a trial takes at most to commit a checkpoint and end, once it is told: uniformly up to it. */
const STOP_SECONDS = 15;

/** Null: it is refused, as not even one trial is likely to fit. */
export function keptPromise(
  truth: readonly Used[],
  parallel: number,
  earlier: readonly Used[],
  promise: Promised,
  generator: { next(): number },
): Kept | null {
  const last = promise.end - marginSeconds(promise.end);
  const standing = { secondsLeft: promise.end, costLeft: promise.cost, begun: [], places: parallel, planned: truth.length };
  if (last <= 0 || trialsThatFit(standing, earlier) === 0) return null;
  let [now, begun, paid] = [0, 0, 0];
  const over: Used[] = [];
  let places: Place[] = [];
  const rate = (): number => places.reduce((sum, { trial }) => sum + trial.cost / trial.seconds, 0);
  const used = (): Used[] =>
    places.map(({ trial, since }) => ({ seconds: now - since, cost: (trial.cost / trial.seconds) * (now - since) }));
  for (;;) {
    const spent = paid + used().reduce((sum, { cost }) => sum + cost, 0);
    const planned = truth.length - begun;
    const left = { secondsLeft: last - now, costLeft: promise.cost - spent, begun: used(), places: parallel, planned };
    let fit = trialsThatFit(left, knownOf(over, earlier));
    while (places.length < parallel && fit > 0) {
      const trial = truth[begun];
      if (!trial) break;
      places = [...places, { trial, since: now }];
      [begun, fit] = [begun + 1, fit - 1];
    }
    if (places.length === 0) return { end: now, cost: paid, begun, cutShort: false };
    const nextEnd = Math.min(...places.map(({ trial, since }) => since + trial.seconds));
    const dear = now + (promise.cost - spent) / rate() - WAITS.promiseMarginShortestSeconds;
    const stop = Math.min(last, dear);
    if (stop < nextEnd) {
      const stopped = Math.max(now, stop) + STOP_SECONDS * generator.next();
      const cost = spent + rate() * (stopped - now);
      return { end: stopped, cost, begun, cutShort: true };
    }
    now = nextEnd;
    const ended = places.filter(({ trial, since }) => since + trial.seconds <= now);
    for (const { trial } of ended) {
      over.push(trial);
      paid += trial.cost;
    }
    places = places.filter((place) => !ended.includes(place));
  }
}

/**
 * A recorded search played again with a scheduler that promotes: trials are held at rungs, the best of them go on. By the rules that the workflows run.
 * Pure.
 */
import type { HalvingScheduler } from '../../contract/search-space.ts';
import { bestOf } from '../../rules/curves.ts';
import { bracketOfTrial, expectedValue, lastPromotion, nextLevel, promotion } from '../../rules/halving.ts';
import type { Field, HalvingTrial, Rungs } from '../../rules/halving.ts';
import type { RecordedSearch, RecordedTrial, ReplayedTrial } from './replayed-search.ts';

/** A part of a curve that was never trained, and that the answer depends on. */
export interface Untrained {
  readonly trial: number;
  /** Points that are known. */
  readonly points: number;
  /** The point up to which it would have been trained; null: to its end. */
  readonly wanted: number | null;
}

interface Playing extends Omit<HalvingTrial, 'values' | 'expected' | 'state' | 'breaks'> {
  readonly recorded: RecordedTrial;
  readonly values: (number | null)[];
  readonly expected: (number | null)[];
  state: HalvingTrial['state'];
  breaks?: boolean;
  /** Trained. */
  points: number;
  readonly startedAt: number;
  /** Seconds since the search began: of its next stop while it goes on, else of its last one. */
  at: number;
}

/** @returns the trials in the order of their ends; of those whose end is not known what is known */
export function replayPromotion(
  search: RecordedSearch,
  scheduler: HalvingScheduler,
): { readonly ended: ReplayedTrial[]; readonly untrained: Untrained[] } {
  const { goal } = search.objective;
  const rungs: Rungs = { scheduler, end: scheduler.max ?? lengthOf(search.trials) };
  const untrained: Untrained[] = [];
  const begun: Playing[] = [];
  const coming = [...search.trials];
  let now = 0;
  for (;;) {
    while (going().length < search.parallel && fill()) continue;
    const [next] = going().sort((a, b) => a.at - b.at || a.trial - b.trial);
    if (!next) break;
    now = next.at;
    stop(next);
  }
  return { ended: begun.sort((a, b) => a.at - b.at || a.trial - b.trial).map((trial) => endOf(trial)), untrained };

  function going(): Playing[] {
    return begun.filter(({ state }) => state === 'going');
  }

  function field(): Field {
    return { trials: begun, goal, complete: coming.length === 0, planned: search.trials.length };
  }

  function fill(): boolean {
    const promoted = promotion(rungs, field()) ?? (coming.length === 0 && going().length === 0 ? last() : null);
    const trial = promoted === null ? begin() : begun.find((one) => one.trial === promoted.trial);
    if (!trial) return false;
    goOn(trial);
    return true;
  }

  function last(): ReturnType<typeof lastPromotion> {
    const finished = begun.filter(
      ({ state, recorded }) => state === 'over' && recorded.status === 'succeeded' && (recorded.keeps ?? 'all') === 'all',
    );
    return lastPromotion(
      field(),
      finished.map(({ recorded }) => recorded.objective),
    );
  }

  function begin(): Playing | undefined {
    const recorded = coming.shift();
    if (!recorded) return undefined;
    const { trial } = recorded;
    const bracket = bracketOfTrial(rungs, search.study, trial);
    const playing: Playing = { trial, recorded, bracket, values: [], expected: [], state: 'going', points: 0, startedAt: now, at: now };
    begun.push(playing);
    return playing;
  }

  function levelOf({ bracket, values }: Playing): number | null {
    const level = nextLevel(rungs, bracket, values.length);
    return level === null ? null : Math.ceil(level);
  }

  /** Up to its next rung, or as far as it is known. */
  function goOn(trial: Playing): void {
    const { recorded, points } = trial;
    const level = levelOf(trial);
    trial.state = 'going';
    const until = level !== null && level <= recorded.points.length ? secondsAt(recorded, level) : recorded.seconds;
    trial.at = now + Math.max(0, until - secondsAt(recorded, points));
  }

  function stop(trial: Playing): void {
    const { recorded } = trial;
    const level = levelOf(trial);
    if (level !== null && level <= recorded.points.length) {
      trial.points = level;
      const seen = recorded.points.slice(0, level).map(({ value }) => value);
      trial.values.push(bestOf(seen, goal));
      trial.expected.push(expectedValue(seen, goal, scheduler.factor));
      trial.breaks = recorded.points[level - 1]?.keeps === 'not all';
      trial.state = 'held';
      // The best of its rung need not be held to go on.
      if (promotion(rungs, field())?.trial === trial.trial) goOn(trial);
      return;
    }
    trial.points = recorded.points.length;
    trial.state = 'over';
    if (recorded.status === 'stopped' || recorded.status === 'cancelled')
      untrained.push({ trial: trial.trial, points: trial.points, wanted: level });
  }

  function endOf({ trial, recorded, points, values, state, startedAt, at }: Playing): ReplayedTrial {
    const curve = recorded.points.slice(0, points).map(({ value }) => value);
    const known = { trial, points, lastValue: curve.at(-1) ?? null, startedAt, endedAt: at };
    const { status, seconds, cost, objective, values: objectives, keeps } = recorded;
    if (state === 'over') return { ...known, status, reason: null, seconds, cost, objective, values: objectives, ...(keeps && { keeps }) };
    const keptThen = recorded.points[points - 1]?.keeps;
    const best = bestOf(curve, goal);
    return {
      ...known,
      status: 'stopped',
      reason: `held at rung ${values.length - 1} (point ${points})`,
      seconds: secondsAt(recorded, points),
      cost: recorded.points[points - 1]?.cost ?? 0,
      objective: best,
      values: objectives.map((_, i) => (i === 0 ? best : null)),
      ...(keptThen && { keeps: keptThen }),
    };
  }
}

const secondsAt = ({ points }: RecordedTrial, point: number): number => (point === 0 ? 0 : (points[point - 1]?.seconds ?? 0));

/** Points of a training that came to its end; where none did, of the longest. */
function lengthOf(trials: readonly RecordedTrial[]): number {
  const finished = trials.filter(({ status }) => status === 'succeeded');
  return Math.max(1, ...(finished.length > 0 ? finished : trials).map(({ points }) => points.length));
}

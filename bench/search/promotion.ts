/**
 * Compute of a search that promotes, for each epoch of one that trains every trial to its end, and how often it finds as good a model: random searches
 * over recorded learning curves, decided by the rules that the workflow runs. A held trial costs nothing and loses nothing: it goes on where it was.
 */
import type { HalvingScheduler } from '../../src/contract/search-space.ts';
import { bestOf } from '../../src/rules/early-stopping.ts';
import {
  bracketOfTrial,
  expectedValue,
  lastPromotion,
  nextLevel,
  promotion,
  type Field,
  type HalvingTrial,
  type Rungs,
} from '../../src/rules/halving.ts';
import { shuffled } from './shuffled.ts';
import type { Tables } from './stopping.ts';

interface PromotionFigures {
  /** Epochs trained for each that training all trials to their end takes. */
  readonly costRatio: number;
  /** Share of the searches whose model is within `tolerance` of the best one that training all to the end finds. */
  readonly foundShare: number;
  readonly searches: number;
}

/** Relative to the best: a model within 1 % is as good. */
export const TOLERANCE = 0.01;

interface Simulated {
  readonly trial: number;
  readonly bracket: number;
  readonly curve: readonly number[];
  epochs: number;
  values: (number | null)[];
  expected: (number | null)[];
  state: HalvingTrial['state'];
}

export function measurePromotion(
  tables: Tables,
  scheduler: HalvingScheduler,
  trials: number,
  seeds: number,
  parallel: number,
): PromotionFigures {
  let [used, all, found, searches] = [0, 0, 0, 0];
  for (const table of Object.values(tables)) {
    for (let seed = 1; seed <= seeds; seed++) {
      const curves = shuffled(table, seed)
        .slice(0, trials)
        .map(({ curve }) => curve);
      const ended = search(curves, scheduler, parallel, `bench-${seed}`);
      const best = Math.max(...curves.map((curve) => bestOf(curve, 'maximize') ?? 0));
      used += ended.reduce((sum, { epochs }) => sum + epochs, 0);
      all += curves.reduce((sum, { length }) => sum + length, 0);
      found += Number(
        Math.max(...ended.map(({ curve, epochs }) => bestOf(curve.slice(0, epochs), 'maximize') ?? 0)) >= best - TOLERANCE * Math.abs(best),
      );
      searches += 1;
    }
  }
  return { costRatio: used / all, foundShare: found / searches, searches };
}

/** An epoch of every trial that has a place is the unit of time. */
function search(curves: readonly (readonly number[])[], scheduler: HalvingScheduler, parallel: number, study: string): Simulated[] {
  const rungs: Rungs = { scheduler, end: curves[0]?.length ?? null };
  const begun: Simulated[] = [];
  const fieldOf = (): Field => ({ trials: begun, goal: 'maximize', complete: begun.length === curves.length, planned: curves.length });
  for (;;) {
    while (begun.filter(({ state }) => state === 'going').length < parallel && fill()) continue;
    const going = begun.filter(({ state }) => state === 'going');
    if (going.length === 0) return begun;
    for (const trial of going) step(trial);
  }

  function fill(): boolean {
    const field = fieldOf();
    const idle = begun.every(({ state }) => state !== 'going');
    const next =
      promotion(rungs, field) ??
      (field.complete && idle
        ? lastPromotion(
            field,
            begun.filter(({ state }) => state === 'over').map(({ curve }) => bestOf(curve, 'maximize')),
          )
        : null);
    if (next) {
      const trial = begun[next.trial];
      if (trial) trial.state = 'going';
      return true;
    }
    const curve = curves[begun.length];
    if (!curve) return false;
    const trial = begun.length;
    begun.push({ trial, bracket: bracketOfTrial(rungs, study, trial), curve, epochs: 0, values: [], expected: [], state: 'going' });
    return true;
  }

  function step(trial: Simulated): void {
    trial.epochs += 1;
    if (trial.epochs >= trial.curve.length) {
      trial.state = 'over';
      return;
    }
    const level = nextLevel(rungs, trial.bracket, trial.values.length);
    if (level === null || trial.epochs < level) return;
    const seen = trial.curve.slice(0, trial.epochs);
    trial.values.push(bestOf(seen, 'maximize'));
    trial.expected.push(expectedValue(seen, 'maximize', scheduler.factor));
    trial.state = 'held';
  }
}

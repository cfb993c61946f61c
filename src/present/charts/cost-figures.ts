/** What a run has cost, will cost, saved and lost. Pure. */
import type { RunState } from '../../contract/state.ts';
import { costToCome } from '../pace.ts';
import type { AttemptView, TrialView } from './views.ts';

export interface CostFigures {
  readonly spent: number;
  /** What it will have cost in the end; equal to `spent` when nothing runs any more. */
  readonly forecast: number;
  /** Price of the same machine time on demand, and the difference to what was paid for it. */
  readonly onDemand: number;
  readonly saved: number;
  /** Paid for work that had to be done again. */
  readonly lost: number;
  readonly budget: number | null;
}

export interface CostInput {
  readonly run: RunState;
  readonly trials: readonly TrialView[];
  readonly attempts: readonly AttemptView[];
  /** Trials planned in all searches that run. */
  readonly plannedTrials: number;
  readonly budget?: number | null;
}

export function costFigures({ run, trials, attempts, plannedTrials, budget = null }: CostInput): CostFigures {
  const sum = (of: (trial: TrialView) => number): number => trials.reduce((total, trial) => total + of(trial), 0);
  const paid = attempts.reduce((total, attempt) => total + attempt.cost, 0);
  const onDemandOfAttempts = attempts.reduce((total, attempt) => total + attempt.onDemandCost, 0);
  const trialCost = Math.max(
    sum((trial) => trial.cost),
    paid,
  );
  const onDemandTrials = Math.max(
    sum((trial) => trial.onDemandCost),
    onDemandOfAttempts,
  );
  const steps = run.steps.filter((step) => step.kind !== 'search').reduce((total, step) => total + step.cost, 0);
  const spent = Math.max(run.cost, steps + trialCost);
  const onDemand = steps + onDemandTrials;
  return {
    spent,
    forecast: run.endedAt === null ? spent + (costToCome(trials, plannedTrials) ?? 0) : spent,
    onDemand,
    saved: Math.max(0, onDemandTrials - trialCost),
    lost: sum((trial) => trial.lostCost),
    budget,
  };
}

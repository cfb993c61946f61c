import type { StepState } from './state.ts';

/** Second argument of `trainingPipeline`: the run of this name has ended, and is run again from where each part of it stands. */
export interface Retry {
  /** From 1. */
  readonly number: number;
  /** This step, and what depends on it, is run again although it had succeeded. */
  readonly from: string | null;
  /** How the steps stood at the end of the life before. */
  readonly steps: readonly StepState[];
  readonly by: string | null;
  readonly why: string | null;
}

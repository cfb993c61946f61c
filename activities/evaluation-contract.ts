/** What the pipeline's workflow expects of `createEvaluationActivities` (evaluate.ts). */
import type { EvaluateSpec } from '../src/contract/steps.ts';
import type { Scored } from './scoring.ts';
import type { WorkInput, WorkResult } from './queries.ts';

export interface EvaluateInput extends WorkInput<EvaluateSpec> {
  /** Exports that Jobs have scored; the others the warehouse scores. Absent in histories of releases before they did. */
  readonly scored?: readonly Scored[];
}

export interface EvaluationActivities {
  evaluateModel(input: EvaluateInput): Promise<WorkResult>;
}

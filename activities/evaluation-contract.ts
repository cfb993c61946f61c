/** What the pipeline's workflow expects of `createEvaluationActivities` (evaluate.ts). */
import type { EvaluateSpec } from '../src/contract/steps.ts';
import type { WorkInput, WorkResult } from './queries.ts';

export interface EvaluationActivities {
  evaluateModel(input: WorkInput<EvaluateSpec>): Promise<WorkResult>;
}

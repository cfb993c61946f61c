/** What a search expects of the activity that scores an export while training goes on (evaluate.ts). */
import type { Profile } from '../src/contract/profile.ts';
import type { SearchSpec } from '../src/contract/steps.ts';

export interface EvaluateExportInput {
  readonly run: string;
  readonly pipeline: string;
  readonly step: string;
  readonly profile: Profile;
  readonly spec: NonNullable<SearchSpec['earlyEvaluation']>;
  /** URI of the export. */
  readonly export: string;
  readonly trial: number;
  /** Samples trained when the export was made. */
  readonly samples: number;
  /** Makes job ids and ledger keys deterministic. */
  readonly key: string;
}

export interface EarlyEvaluationActivities {
  evaluateExport(input: EvaluateExportInput): Promise<{ readonly metrics: Readonly<Record<string, number | null>> }>;
}

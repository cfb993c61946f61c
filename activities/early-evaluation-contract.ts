/** What a search expects of the activity that scores an export while training goes on (evaluate.ts). */
import type { Profile } from '../src/contract/profile.ts';
import type { Scored, ScoringActivities } from './scoring.ts';
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
  /** Where a Job has scored the export; absent: the warehouse scores it. */
  readonly scored?: readonly Scored[];
}

export interface EarlyEvaluationActivities extends ScoringActivities {
  evaluateExport(input: EvaluateExportInput): Promise<{ readonly metrics: Readonly<Record<string, number | null>> }>;
}

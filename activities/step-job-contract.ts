/** What the activities of step Jobs are asked, and what they answer. */
import type { AttemptVerdict, ContainerSpec, Json, OutputType, Pool, Resources, ScriptSpec } from '../src/contract/index.ts';
import type { WorkInput } from './queries.ts';
import type { Shipped } from '../src/contract/code.ts';

/** Scoring of one export: parts that are written stay, so that an attempt goes on where the one before was taken away. */
export interface ScoreSpec extends Shipped {
  readonly kind: 'score';
  /** URI of what is to be scored (LONGHAUL_SCORE). */
  readonly document: string;
  /** Prefix of the scores; READY is written last. */
  readonly output: string;
  /** Absent: the profile's. */
  readonly image?: string;
  readonly resources: Resources;
  readonly inputs: Readonly<Record<string, Json>>;
  readonly outputs: Readonly<Record<string, OutputType>>;
}

export interface StepJobInput extends WorkInput<ContainerSpec | ScriptSpec | ScoreSpec> {
  /** Counted by the workflow, never Temporal's retry count. */
  readonly attempt: number;
  readonly pool: Pool;
  readonly noCapacitySeconds: number;
  readonly deadlineSeconds: number | null;
  /** Where its script was kept before; its source is empty then. */
  readonly script?: string;
  /** Of a profile with several clusters: its cluster is given up when it has not answered for so long. */
  readonly lostAfterSeconds?: number;
}

export type StepJobName = Pick<StepJobInput, 'profile' | 'run' | 'step' | 'attempt' | 'lostAfterSeconds'>;

export interface StepJobEnd {
  readonly verdict: AttemptVerdict;
  readonly cause: string;
  /** As of an attempt (`AttemptEnd`). */
  readonly awaits?: 'registry';
  readonly job: string;
  readonly image: string | null;
  readonly outputs: Record<string, Json>;
  readonly cost: number;
  readonly logTail: string;
}

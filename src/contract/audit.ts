/** Audits: a part of a training that is trained again and compared (docs/audit.md). What is kept of a trial, and what the workflow passes on. */
import { z } from 'zod';
import type { Profile } from './profile.ts';
import type { TrialInput } from './trial-run.ts';

const Machine = z.record(z.string(), z.string());

/** Digests of all tensors at some boundaries. `digests` are in the order of `names`; null: there was no such tensor. */
const Points = {
  names: z.array(z.string()),
  points: z.array(
    z.looseObject({
      /** How many boundaries came before it in the window: between neighbours lies no other one. */
      boundary: z.int(),
      step: z.int(),
      samples: z.int(),
      digests: z.array(z.string().nullable()),
    }),
  ),
};

/** `{output}/audits/{n}/pair.json`: written last; beside it lies the checkpoint. */
export const Pair = z.looseObject({
  from: z.looseObject({
    checkpoint: z.string(),
    step: z.int(),
    samples: z.int(),
    attempt: z.int(),
    machine: Machine,
    files: z.record(z.string(), z.looseObject({ bytes: z.int() })),
  }),
  to: z.looseObject({ step: z.int(), samples: z.int(), attempt: z.int(), machine: Machine }),
  ...Points,
});
export type Pair = z.infer<typeof Pair>;

/** `{output}/repeat.json` of a trial that trained a window again. */
export const Repeated = z.looseObject({ attempts: z.array(z.looseObject({ attempt: z.int(), machine: Machine })), ...Points });
export type Repeated = z.infer<typeof Repeated>;

/** A pair that was chosen for an audit. */
export interface AuditedPair {
  readonly step: string;
  readonly trial: number;
  /** Folder of the pair. */
  readonly uri: string;
  readonly checkpoint: string;
  readonly from: number;
  readonly to: number;
  /** To be trained again. */
  readonly samples: number;
  /** In which pool it was trained; null: the ledger does not say. */
  readonly pool: string | null;
}

/** Which training of the window: in another pool, in the first one's, or once more with a look at every step between two. */
export type Side = 'again' | 'origin' | 'closer';

const FirstDifference = z.looseObject({
  step: z.int(),
  /** The last training step at which they were seen to be equal. */
  after: z.int(),
  /** No boundary lies between the two. */
  exact: z.boolean(),
  /** In the order of what is kept; the first of them is where it began, as far as one step tells. */
  tensors: z.array(z.string()),
});
/** The first boundary at which two trainings differ. */
export type FirstDifference = z.infer<typeof FirstDifference>;

const Place = z.looseObject({
  pool: z.string().nullable(),
  node: z.string().nullable(),
  /** What bits depend on besides their inputs: processor, versions, threads, …. */
  machine: Machine,
});
/** Where a window was trained. */
export type Place = z.infer<typeof Place>;

/**
 * `equal`; `once`: two other trainings agree with each other and not with the first; `machine`: in the pool of the first it comes out equal, in
 * the other one not; `unstable`: no two agree; `different`: why was not found out; `unknown`: it could not be trained again.
 */
const AuditVerdict = z.enum(['equal', 'once', 'machine', 'unstable', 'different', 'unknown']);
export type AuditVerdict = z.infer<typeof AuditVerdict>;

/** `{output}/certificates/{audit}.json` of a trial. */
export const Certificate = z.looseObject({
  version: z.literal(1),
  audit: z.string(),
  run: z.string(),
  step: z.string(),
  trial: z.int(),
  /** ms since 1970 */
  time: z.int(),
  from: z.int(),
  to: z.int(),
  samples: z.int(),
  /** What was compared, and at how many boundaries. */
  tensors: z.int(),
  boundaries: z.int(),
  original: Place,
  repeated: Place.nullable(),
  verdict: AuditVerdict,
  first: FirstDifference.nullable(),
  /** In words: what follows, and what this audit cannot know. */
  why: z.string(),
  uri: z.string(),
});
export type Certificate = z.infer<typeof Certificate>;

/** Argument of the workflow `audit`; its id is `auditWorkflowId(run)`. */
export interface AuditInput {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: Profile;
  readonly share: number;
  /** Set by continue-as-new only. */
  readonly carried?: AuditCarried;
}

/** What the activity `drawAudit` chose. */
export interface AuditPlan {
  readonly pairs: readonly AuditedPair[];
  /** Samples of all trials, each counted once. */
  readonly trained: number;
  /** Pairs that would have made it more than the share. */
  readonly left: number;
  /** Why trials have no pair, in words; empty where all have one. */
  readonly without: readonly string[];
}

export interface AuditCarried {
  readonly name: string;
  readonly plan: AuditPlan;
  results: PairResult[];
}

/** Short, since a large run has hundreds. */
export interface PairResult extends Pick<Certificate, 'step' | 'trial' | 'from' | 'to' | 'samples' | 'verdict' | 'first' | 'why' | 'uri'> {
  readonly pool: string | null;
  readonly repeatedPool: string | null;
}

export interface AuditState {
  readonly audit: string;
  readonly run: string;
  readonly share: number;
  readonly status: 'choosing' | 'training' | 'done';
  readonly plan: AuditPlan | null;
  readonly results: readonly PairResult[];
}

/** Of the activity `prepareRepetition`: a window that is to be trained again, and where its trial writes. */
export interface RepetitionInput {
  readonly profile: Profile;
  readonly run: string;
  readonly pipeline: string;
  readonly name: string;
  readonly pair: AuditedPair;
  readonly side: Side;
  /** Every step in this span is looked at. */
  readonly dense: readonly [after: number, upTo: number] | null;
}
export type Repetition = Omit<TrialInput, 'profile'>;

/** Of the activity `judgePair`. */
export interface JudgeInput extends Omit<RepetitionInput, 'side' | 'dense'> {
  /** Outputs of the trainings so far. */
  readonly outputs: Readonly<Partial<Record<Side, string>>>;
  /** Why the first repetition failed, where it did. */
  readonly failure: string | null;
  /** No further training will come: the certificate is written. */
  readonly final: boolean;
}
export interface Judgement {
  readonly first: FirstDifference | null;
  /** Set when it was final. */
  readonly result: PairResult | null;
}

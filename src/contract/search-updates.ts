/** Payloads of the updates of a search; names in `UPDATES`. Types only, so that workflows may load it. */
import type { HowVerified, Signature } from './decisions.ts';
import type { Space, StoppingRule } from './search-space.ts';
import type { Json } from './values.ts';

/** Payloads of the updates; names in `UPDATES`. `by` and `why` are kept in the decisions. */
export interface Who {
  readonly by?: string;
  readonly why?: string;
  readonly signed?: Signature;
  /** How a console knows `by`; null: it does not. It goes into the signature, and is not sent. */
  readonly vouched?: HowVerified | null;
}

export type PauseUpdate = Who & { readonly trial?: number };

export type ResumeUpdate = Who & { readonly trial?: number };

export type StopTrialUpdate = Who & { readonly trial: number };

export type KeepTrialUpdate = Who & { readonly trial: number };

export type PrioritiseUpdate = Who & { readonly trial: number; readonly priority: number };

export type AddTrialUpdate = Who & { readonly parameters: Readonly<Record<string, Json>>; readonly priority?: number };

export type ForkTrialUpdate = Who & {
  readonly trial: number;
  readonly checkpoint?: string;
  readonly parameters: Readonly<Record<string, Json>>;
};

export type SetParallelismUpdate = Who & { readonly parallel: number };

export type SetBudgetUpdate = Who & { readonly cost?: number | null; readonly hours?: number | null; readonly trials?: number | null };

export type SetSpaceUpdate = Who & { readonly space: Space };

export type SetStoppingUpdate = Who & { readonly stopping: readonly StoppingRule[] };

export type ApproveUpdate = Who & { readonly trial?: number };

export type RejectUpdate = Who & { readonly trial?: number };

/** What every update answers: what was done, in words; the number of a trial that it made. */
export interface UpdateAnswer {
  readonly text: string;
  readonly trial?: number;
}

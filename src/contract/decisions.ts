/** Who decided what, and what proves it. Types only, so that workflows may load it. */
import type { Profile } from './profile.ts';

/** How the one who signed knows the person: by a key of the person's own, or as a console by a token, by IAP or by an OIDC proxy. */
export type HowVerified = 'key' | 'token' | 'iap' | 'oidc';

/** Goes with the payload of an update; `signedText` says what is signed. */
export interface Signature {
  /** `keyIdOf` the public key. */
  readonly key: string;
  /** ms since 1970 */
  readonly at: number;
  readonly how: HowVerified;
  /** Of an answer to an approval step: its `since`, so that it counts for this asking only. */
  readonly asked?: number;
  /** Ed25519, base64. */
  readonly value: string;
}

/** An update of a run or a search as the workflow heard it. */
export interface ReceivedDecision {
  readonly id: string;
  /** Null: the run. */
  readonly search: string | null;
  /** The search, or the approval step; null: the whole run. */
  readonly step: string | null;
  /** One of `UPDATES`. */
  readonly decision: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** ms since 1970 */
  readonly heardAt: number;
  /** Its signature came before. */
  readonly again?: boolean;
  /** Absent: it counted, whoever sent it, and the signature is only looked at for the ledger. */
  readonly verdict?: Verdict;
}

/** Argument of the signal `decided`. */
export interface DecidedSignal {
  /** One of `DECISIONS`. */
  readonly decision: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Verdict {
  /** The verified person; else the name that was typed. */
  readonly by: string;
  /** Null: nothing proves it. */
  readonly how: HowVerified | null;
  /** Why it does not count; null: it does. */
  readonly refused: string | null;
}

/** Argument of the activity `checkDecision`. */
export interface CheckDecisionInput {
  readonly run: string;
  readonly decision: ReceivedDecision;
}

/** Argument of the activity `recordDecisions`. */
export interface RecordDecisionsInput {
  readonly profile: Profile;
  readonly pipeline: string;
  readonly run: string;
  readonly decisions: readonly ReceivedDecision[];
}

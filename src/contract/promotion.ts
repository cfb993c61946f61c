/** A model becomes the champion of its pipeline. Types only, so that workflows may load it. */
import type { ReceivedDecision } from './decisions.ts';
import type { Profile } from './profile.ts';

/** Argument of the workflow `promotion`. */
export interface PromotionInput {
  /** Of the run that evaluated the model: it says where the ledger is. */
  readonly profile: Profile;
  readonly run: string;
  readonly model: string;
  /** Who and why, signed where there is a key. */
  readonly payload: ReceivedDecision['payload'];
}

/** Argument of the activity `promoteModel`. */
export interface PromoteModelInput extends PromotionInput {
  readonly id: string;
  /** ms since 1970 */
  readonly heardAt: number;
}

export interface Promoted {
  readonly model: string;
  readonly stage: 'champion';
  /** Who was the champion before. */
  readonly replaced: readonly string[];
  /** Nothing was to be done. */
  readonly wasChampion: boolean;
}

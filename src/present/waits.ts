/** Why a trial or step is where it is, in words: of one that waits, also for how long. */
import type { StepState } from '../contract/state.ts';
import { lastedText } from '../rules/clusters.ts';
import { oneLine } from './format.ts';

/**
 * @param longest characters of the reason itself
 * @returns `waiting in queue team-a: insufficient unused quota for cpu (for 12 min)`
 */
export function reasonAt({ reason, waitingSince }: Pick<StepState, 'reason' | 'waitingSince'>, now: number, longest = Infinity): string {
  if (reason === null) return '';
  if (waitingSince === undefined) return reason;
  return `${oneLine(reason, longest)} (for ${lastedText(now - waitingSince)})`;
}

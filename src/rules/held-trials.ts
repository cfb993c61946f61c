/** Trials that were held at a rung when their search ended. Pure. */
import type { Halving, TrialRecord } from '../contract/search.ts';
import { show } from './curves.ts';
import { reopen } from './reopened-trials.ts';

/** How `heldReason` begins. */
export const HELD = 'held at rung';

export function heldReason({ rungs }: Halving): string {
  const [, point, value] = rungs.at(-1) ?? [0, 0, null];
  return `${HELD} ${rungs.length - 1} (point ${point}) with ${value === null ? 'no number' : show(value)}`;
}

/** Whether its search ended before its time while the trial was held, or was about to be. */
export const wasHeld = ({ halving, state }: TrialRecord): boolean => halving?.held === true && state.status === 'stopped';

/** The search goes on: the trial waits, again or as one that was held would, to be promoted. */
export function holdAgain(record: TrialRecord): void {
  const { halving, state } = record;
  reopen(record, 'paused', halving && wasHeld(record) ? heldReason(halving) : state.reason);
  if (halving) Object.assign(halving, { held: true, allowed: halving.rungs.length });
}

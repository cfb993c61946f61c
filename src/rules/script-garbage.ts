/** Which scripts of steps may be removed from a store: what no run that is under way can start any more. Pure. */
import { day } from './garbage.ts';
import { usersOf, type ContentDecision, type ContentUser, type KeptByContent } from './kept-by-content.ts';

/**
 * A run that has ended needs none: whatever goes on with it puts its scripts there again.
 *
 * @param before ms since 1970: what was put there or renewed later stays
 */
export function decideScript({ name, usedAt }: KeptByContent, before: number, users: readonly ContentUser[]): ContentDecision {
  if (usedAt >= before) return { remove: false, reason: `kept or used on ${day(usedAt)}` };
  const { needed, named } = usersOf(name, users);
  if (needed !== null) return { remove: false, reason: needed };
  const last = named.at(-1);
  return { remove: true, reason: last ? `of ${last.who}, which has ended` : `kept on ${day(usedAt)}, and no run names it` };
}

/**
 * Why a run may start its scripts; null: it cannot. A retry is a run of its own, and keeps them anew.
 *
 * @param endedAt by the ledger, ms since 1970; null: nobody knows of an end
 */
export function whyScriptsAreNeeded(state: 'open' | 'ended' | 'unknown', endedAt: number | null): string | null {
  if (state === 'open') return 'it may start it at any time';
  if (state === 'unknown' && endedAt === null)
    return 'this Temporal server does not know it, and no end of it was noted: another server may run it';
  return null;
}

/** Which scripts of steps may be removed from a store: what no run that is under way can start any more. Pure. */
import { day } from './garbage.ts';

export interface ScriptUser {
  readonly who: string;
  /** Names of scripts; null: nobody could tell. */
  readonly scripts: ReadonlySet<string> | null;
  /** Why it may start them; null: it has ended, and whatever goes on with it puts its scripts there again. */
  readonly needs: string | null;
}

/** @param before ms since 1970: what was put there or renewed later stays */
export function decideScript(
  { name, usedAt }: { readonly name: string; readonly usedAt: number },
  before: number,
  users: readonly ScriptUser[],
): { readonly remove: boolean; readonly reason: string } {
  if (usedAt >= before) return { remove: false, reason: `kept or used on ${day(usedAt)}` };
  const named = users.filter(({ scripts }) => scripts === null || scripts.has(name));
  const needing = named.find(({ needs }) => needs !== null);
  if (needing) return { remove: false, reason: `${needing.who}: ${needing.needs}` };
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

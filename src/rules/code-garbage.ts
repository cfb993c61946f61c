/** Which shipped code may be removed: what no run, schedule, model or record can ask for any more. Pure. */
import { day } from './garbage.ts';
import { usersOf, type ContentDecision, type ContentUser, type KeptByContent } from './kept-by-content.ts';

/** @param before ms since 1970: what was put there or renewed later stays */
export function decideCode({ name, usedAt }: KeptByContent, before: number, users: readonly ContentUser[]): ContentDecision {
  if (usedAt >= before) return { remove: false, reason: `shipped or used on ${day(usedAt)}` };
  const { needed, named } = usersOf(name, users);
  if (needed !== null) return { remove: false, reason: needed };
  const last = named.at(-1);
  if (!last) return { remove: true, reason: `shipped on ${day(usedAt)}, and no run or schedule names it` };
  return {
    remove: true,
    reason: `of ${last.who}, which cannot go on any more${named.length > 1 ? `, nor can ${named.length - 1} others` : ''}`,
  };
}

/** SHA-256 digests anywhere in a document, of whichever release. */
export function digestsIn(texts: readonly string[]): Set<string> {
  return new Set(texts.filter((text) => /^[0-9a-f]{64}$/.test(text)));
}

interface KnownRun {
  /** As the server knows it. */
  readonly state: 'open' | 'ended' | 'unknown';
  /** ms since 1970, by the ledger or its document; null: nobody knows of an end. */
  readonly endedAt: number | null;
  /** An audit goes on, or the server could not be asked. */
  readonly busy: string | null;
  /** Checkpoints and pairs for audits of its trials that are there. */
  readonly places: readonly string[];
  /** Models of the registry that it has made and that stay, such as `m (champion)`. */
  readonly models: readonly string[];
  /** Records of the cache that it made and that are kept. */
  readonly records: readonly string[];
}

/**
 * Why a run may ask for its code again; null: it cannot.
 *
 * @param before ms since 1970: a run that ended later may be retried, extended, audited or forked
 */
export function whyCodeIsNeeded({ state, endedAt, busy, places, models, records }: KnownRun, before: number): string | null {
  if (state === 'open') return busy ?? 'it is open';
  if (busy !== null) return busy;
  if (endedAt === null) return 'this Temporal server does not know it, and no end of it was noted: another server may run it';
  if (endedAt >= before)
    return `it ended on ${day(endedAt)}, and retry, extend or fork-trial may go on with it (checkpoints.keepFor, --older-than)`;
  if (places[0] !== undefined) return `it can go on from what is kept: ${places[0]}`;
  if (models[0] !== undefined) return `it made the model ${models[0]}`;
  if (records[0] !== undefined) return `what it made is reused: ${records[0]}`;
  return null;
}

/** What of the cache may be removed: only what can be proven unused. Pure. */

export interface Made {
  readonly type: 'table' | 'uri';
  readonly value: string;
  /** What identified it when it was made. */
  readonly identity: string;
}

export interface MadeRecord {
  readonly name: string;
  /** ms since 1970; a hit renews it. */
  readonly usedAt: number;
  /** null: it cannot be read. */
  readonly made: readonly Made[] | null;
}

/** Somebody who may need what a record made: an open run, a model with a stage, a step that ran lately. */
export interface Reference {
  readonly who: string;
  /** Names of tables, URIs of objects and prefixes, or texts that have them inside; null: nobody could tell what it needs. */
  readonly texts: readonly string[] | null;
}

interface Decision {
  readonly what: 'cache record' | 'table' | 'objects';
  readonly name: string;
  readonly remove: boolean;
  readonly reason: string;
}

interface RecordDecision {
  readonly record: Decision;
  /** In the order of the record; all kept where the record is kept. */
  readonly made: readonly Decision[];
}

/**
 * Decides about every record and what it made.
 *
 * @param before ms since 1970: what was used later stays
 * @param identityNow what identifies a thing now; null: it is gone
 */
export async function decideGarbage(
  records: readonly MadeRecord[],
  before: number,
  references: readonly Reference[],
  identityNow: (made: Made) => Promise<string | null>,
): Promise<RecordDecision[]> {
  const kept = new Map(records.map((record) => [record, whyKept(record, before, references)]));
  const found: RecordDecision[] = [];
  for (const record of records) {
    const why = kept.get(record) ?? null;
    const decided = (remove: boolean, reason: string): Decision => ({ what: 'cache record', name: record.name, remove, reason });
    if (why !== null || record.made === null) {
      found.push({ record: decided(false, why ?? 'it cannot be read'), made: [] });
      continue;
    }
    const others = records.filter((other) => other !== record && (kept.get(other) ?? null) !== null);
    const made: Decision[] = [];
    for (const each of record.made) made.push(await decideMade(each, others, identityNow));
    found.push({ record: decided(true, `not used since ${day(record.usedAt)}`), made });
  }
  return found;
}

function whyKept(record: MadeRecord, before: number, references: readonly Reference[]): string | null {
  if (record.usedAt >= before) return `used on ${day(record.usedAt)}`;
  if (record.made === null) return 'it cannot be read';
  for (const { value } of record.made) {
    const reference = references.find(({ texts }) => texts === null || texts.some((text) => mentions(text, value)));
    if (reference) return reference.texts === null ? `${reference.who} could not tell what it uses` : `${reference.who} uses ${value}`;
  }
  return null;
}

async function decideMade(
  made: Made,
  others: readonly MadeRecord[],
  identityNow: (made: Made) => Promise<string | null>,
): Promise<Decision> {
  const decided = (remove: boolean, reason: string): Decision => ({
    what: made.type === 'table' ? 'table' : 'objects',
    name: made.value,
    remove,
    reason,
  });
  const other = others.find((record) => record.made?.some(({ type, value }) => type === made.type && overlaps(value, made.value)));
  if (other) return decided(false, `${other.name} names it too`);
  const now = await identityNow(made);
  if (now === null) return decided(false, 'it is gone already');
  if (now !== made.identity) return decided(false, 'it was made anew since');
  return decided(true, 'only a record that is not used names it');
}

/** The value itself, or something below it, stands in the text and not as a part of a longer name. */
export function mentions(text: string, value: string): boolean {
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
    if (!/[\w.-]/.test(text[at + value.length] ?? '') && !/[\w.-]/.test(text[at - 1] ?? '')) return true;
  }
  // A reference to a prefix that the value lies below.
  return isUri(text) && value.startsWith(`${text.replace(/\/+$/, '')}/`);
}

const isUri = (text: string): boolean => /^(gs|file):\/\/\S+$/.test(text);

function overlaps(one: string, other: string): boolean {
  const [a, b] = [`${one.replace(/\/+$/, '')}/`, `${other.replace(/\/+$/, '')}/`];
  return a.startsWith(b) || b.startsWith(a);
}

export const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Every text in a JSON value, as `texts` of a reference. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  return [];
}

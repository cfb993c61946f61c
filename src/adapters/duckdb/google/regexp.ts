import { BIGINT } from '@duckdb/node-api';
import { regexOf } from './regex.ts';
import { fail, textOrBytes } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';

interface Match {
  readonly whole: string;
  readonly start: number;
  readonly end: number;
  /** The only group, if the expression has one; it may not have taken part. */
  readonly group: string | undefined;
  readonly hasGroup: boolean;
}

/** The n-th match from a position on, both from 1. After an empty match the search goes on one character later. */
function find(text: string, pattern: string, position: bigint, occurrence: bigint, name: string): Match | undefined {
  if (position <= 0n) fail(`${name}: the position must be positive`);
  if (occurrence <= 0n) fail(`${name}: the occurrence must be positive`);
  const regex = regexOf(pattern);
  const groups = groupsOf(regex);
  if (groups > 1) fail(`${name}: the regular expression has more than one group`);
  let at = unitsAt(text, position);
  if (at === undefined) return undefined;
  for (let left = occurrence; ; left--) {
    regex.lastIndex = at;
    const found = regex.exec(text);
    if (!found) return undefined;
    const end = found.index + found[0].length;
    if (left === 1n) return { whole: found[0], start: found.index, end, group: found[1], hasGroup: groups === 1 };
    at = found[0] === '' ? end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1) : end;
    if (at >= text.length) return undefined;
  }
}

const counted = new WeakMap<RegExp, number>();
function groupsOf(regex: RegExp): number {
  const known = counted.get(regex) ?? (new RegExp(`${regex.source}|`, 'u').exec('')?.length ?? 1) - 1;
  counted.set(regex, known);
  return known;
}

/** Index of the character at a position; nowhere beyond the end. */
function unitsAt(text: string, position: bigint): number | undefined {
  if (position > BigInt(text.length) + 1n) return undefined;
  let at = 0;
  for (let i = 1; i < Number(position); i++) {
    if (at >= text.length) return undefined;
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  // An empty text has a first position.
  return at >= text.length && position > 1n ? undefined : at;
}

const positionOf = (text: string, unit: number): bigint => BigInt(Array.from(text.slice(0, unit)).length + 1);

type Instr = readonly [string, string, bigint, bigint, bigint];
type Extract = readonly [string, string, bigint, bigint];

function instr([text, pattern, position, occurrence, after]: Instr): bigint {
  if (after !== 0n && after !== 1n) fail('REGEXP_INSTR: the occurrence position must be 0 or 1');
  const found = find(text, pattern, position, occurrence, 'REGEXP_INSTR');
  if (!found || text === '' || pattern === '') return 0n;
  if (found.hasGroup && found.group === undefined) return 0n;
  const within = found.hasGroup ? groupStart(text, pattern, found) : found.start;
  const length = found.hasGroup ? (found.group?.length ?? 0) : found.whole.length;
  return positionOf(text, after === 1n ? within + length : within);
}

function groupStart(text: string, pattern: string, found: Match): number {
  const regex = new RegExp(regexOf(pattern).source, `${regexOf(pattern).flags}dy`);
  regex.lastIndex = found.start;
  return regex.exec(text)?.indices?.[1]?.[0] ?? found.start;
}

function extract([text, pattern, position, occurrence]: Extract): string | null {
  const found = find(text, pattern, position, occurrence, 'REGEXP_EXTRACT');
  if (!found) return null;
  return found.hasGroup ? (found.group ?? null) : found.whole;
}

/** All matches, or what the group of each has taken: an empty text where it took no part. */
function extractAll([text, pattern]: readonly [string, string]): string[] {
  const regex = regexOf(pattern);
  const groups = groupsOf(regex);
  if (groups > 1) fail('REGEXP_EXTRACT_ALL: the regular expression has more than one group');
  regex.lastIndex = 0;
  // An empty match behind the last character counts for an empty text only.
  const matches = [...text.matchAll(regex)].filter(({ index }) => index < text.length || text === '');
  return matches.map((found) => (groups === 1 ? (found[1] ?? '') : found[0]));
}

/** The replacement of REGEXP_REPLACE, in which a backslash stands before a backslash or before the number of a group. */
function rewrite([replacement, pattern]: readonly [string, string]): string {
  const groups = groupsOf(regexOf(pattern));
  for (const [whole, digit] of replacement.matchAll(/\\(?:\\|([0-9]))?/g)) {
    if (whole === '\\') fail('REGEXP_REPLACE: a backslash in the replacement must be followed by a digit or a backslash');
    if (digit !== undefined && Number(digit) > groups) fail(`REGEXP_REPLACE: the regular expression has no group ${digit}`);
  }
  return replacement;
}

export const REGEXP_FUNCTIONS: readonly ScalarFunction[] = [
  ...textOrBytes('longhaul_regexp_instr', ['text', 'text', BIGINT, BIGINT, BIGINT], BIGINT, instr),
  ...textOrBytes('longhaul_regexp_extract_all', ['text', 'text'], 'texts', extractAll),
  ...textOrBytes('longhaul_rewrite', ['text', 'text'], 'text', rewrite),
  ...textOrBytes('longhaul_regexp_extract_at', ['text', 'text', BIGINT, BIGINT], 'text', extract),
];

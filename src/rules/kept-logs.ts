/**
 * How a log is kept: `{output}/logs/{attempt}/{first}.log`, pieces named by the number of their first line, each line with its time before
 * it, and `END.json` when there is nothing more to come; of an attempt on several machines that of rank 0, and the others' in `rank-{n}/`
 * beside it. Pure.
 */
import { GRACES } from './durations.ts';

export interface LogBounds {
  readonly keep: boolean;
  /** Of one attempt; the middle of a longer log is left out. */
  readonly maxMb: number;
  readonly keepDays: number;
}

export const DEFAULT_LOG_BOUNDS: LogBounds = { keep: true, maxMb: 100, keepDays: GRACES.logsKeptDays };
/** Of a long log the beginning is kept as well: it tells with what the attempt began. */
const HEAD_SHARE = 0.1;
const DIGITS = 12;

/** Logs of a container or script step lie beside its run, and not in its output, whose identity must not change with them. */
export const stepLogHome = (storeRoot: string, run: string, step: string): string => `${storeRoot}/runs/${run}/steps/${step}`;
/** The step whose kept log an object is part of. */
export function stepOfLog(uri: string, storeRoot: string, run: string): string | null {
  const home = `${storeRoot}/runs/${run}/steps/`;
  return uri.startsWith(home) ? (/^([^/]+)\/logs\//.exec(uri.slice(home.length))?.[1] ?? null) : null;
}

export const logPrefix = (output: string, attempt: number, rank = 0): string =>
  `${output}/logs/${attempt}${rank === 0 ? '' : `/rank-${rank}`}`;
export const pieceUri = (prefix: string, first: number): string => `${prefix}/${String(first).padStart(DIGITS, '0')}.log`;
export const endUri = (prefix: string): string => `${prefix}/END.json`;

export interface Piece {
  /** Number of its first line, from 1. */
  readonly first: number;
  readonly bytes: number;
}

/** Null for what is no piece of the log with that prefix. */
export function firstLineOf(uri: string, prefix: string): number | null {
  const digits = uri.startsWith(`${prefix}/`) ? /^(\d{12})\.log$/.exec(uri.slice(prefix.length + 1))?.[1] : undefined;
  return digits === undefined ? null : Number(digits);
}

/** The attempt that a kept object belongs to. */
export function attemptOf(uri: string, output: string): number | null {
  const found = uri.startsWith(`${output}/logs/`) ? /^(\d+)\//.exec(uri.slice(`${output}/logs/`.length))?.[1] : undefined;
  return found === undefined ? null : Number(found);
}

export interface LogLine {
  /** ISO 8601; null where nobody knows. */
  readonly at: string | null;
  readonly text: string;
}

const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?/;

export const stampedLine = ({ at, text }: LogLine): string => `${at ?? ''} ${text}`;

export function parseLine(line: string): LogLine {
  const at = STAMP.exec(line);
  return at?.[1] === undefined ? { at: null, text: line.replace(/^ /, '') } : { at: at[1], text: line.slice(at[0].length) };
}

/** What stands in the place of lines that nobody has. */
export const gapLine = (what: string): string => `-- longhaul: ${what} --`;

/** Pieces to remove, so that what is left is within the bound: the oldest ones behind the head, never the newest. */
export function piecesToDrop(pieces: readonly Piece[], maxBytes: number): Piece[] {
  let total = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  const dropped: Piece[] = [];
  let head = 0;
  for (const piece of pieces.slice(0, -1)) {
    head += piece.bytes;
    if (total <= maxBytes) break;
    if (head <= maxBytes * HEAD_SHARE || (piece === pieces[0] && head <= maxBytes / 2)) continue;
    dropped.push(piece);
    total -= piece.bytes;
  }
  return dropped;
}

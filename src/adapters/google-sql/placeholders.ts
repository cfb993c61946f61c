import { AdapterError, formatProblem } from '../../contract/errors.ts';
import type { Problem } from '../../contract/errors.ts';

/** A place in a text: both from 1, as people and GoogleSQL count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** GoogleSQL with its `{alias}`es as quoted identifiers, and the way back to the places in the original. */
export interface Quoted {
  readonly sql: string;
  readonly aliases: ReadonlySet<string>;
  /** Offsets of the first characters of the statements in the original. */
  readonly statements: readonly number[];
  /** Place in the original of a place in `sql`. */
  original(position: Position): Position;
}

/** Whatever braces, semicolons and names inside of are just text: comments, strings of all kinds, quoted identifiers. */
const OPAQUE =
  /--[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|('''|""")(?:\\[\s\S]|(?!\1)[\s\S])*(?:\1|$)|'(?:\\[\s\S]|[^'\\\n])*'?|"(?:\\[\s\S]|[^"\\\n])*"?|`(?:\\[\s\S]|[^`\\])*`?/y;
const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/y;

/**
 * Replaces `{alias}` by a quoted identifier of that very text, so that no name of a CTE or column can be mistaken for it.
 *
 * @example
 * quoteAliases('SELECT * FROM {train}').sql; // 'SELECT * FROM `{train}`'
 */
export function quoteAliases(sql: string): Quoted {
  const aliases = new Set<string>();
  const statements: number[] = [];
  /** Offsets in the original where a placeholder begins; each adds a quote before and one after itself. */
  const starts: number[] = [];
  const ends: number[] = [];
  let quoted = '';
  let copied = 0;
  let inStatement = false;
  scan(sql, (kind, start, end, text) => {
    if (kind === 'opaque') {
      const comment = text.startsWith('--') || text.startsWith('#') || text.startsWith('/*');
      if (!comment && !inStatement) {
        inStatement = true;
        statements.push(start);
      }
      return;
    }
    if (kind === 'end') {
      inStatement = false;
      return;
    }
    if (!inStatement) {
      inStatement = true;
      statements.push(start);
    }
    if (kind !== 'placeholder') return;
    aliases.add(text);
    starts.push(start);
    ends.push(end);
    quoted += `${sql.slice(copied, start)}\`{${text}}\``;
    copied = end;
  });
  quoted += sql.slice(copied);
  return {
    sql: quoted,
    aliases,
    statements,
    original: ({ line, column }) => {
      const lineStart = startOfLine(sql, line);
      let shift = 0;
      for (const [i, start] of starts.entries()) {
        if (start < lineStart || start - lineStart + shift + 1 >= column) continue;
        shift += column > (ends[i] ?? start) - lineStart + shift + 1 ? 2 : 1;
      }
      return { line, column: Math.max(1, column - shift) };
    },
  };
}

/** Offset of the first occurrence of a word outside of comments and strings, from `from` on; -1 if there is none. */
export function findWord(sql: string, word: string, from: number): number {
  let found = -1;
  const wanted = word.toLowerCase();
  scan(sql, (kind, start, _end, text) => {
    if (found >= 0 || start < from) return;
    const value = kind === 'opaque' && text.startsWith('`') ? text.slice(1, -1) : kind === 'placeholder' ? `{${text}}` : text;
    if ((kind !== 'opaque' || text.startsWith('`')) && value.toLowerCase() === wanted) found = start;
  });
  return found;
}

export function positionAt(sql: string, offset: number): Position {
  const before = sql.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

/** Refuses an alias that stands for nothing, with its place. */
export function requireAliases(sql: string, file: string, quoted: Quoted, known: readonly string[]): void {
  for (const alias of quoted.aliases) {
    if (known.includes(alias)) continue;
    throw new SqlProblem({
      file,
      ...positionAt(sql, findWord(sql, `{${alias}}`, 0)),
      message: `{${alias}} stands for no table`,
      expected: known.length > 0 ? `one of ${known.map((each) => `{${each}}`).join(', ')}` : 'an alias of `tables` or `sources`',
      hint: `add ${alias} to the step's tables or sources`,
    });
  }
}

/** Thrown for a mistake in SQL; `problem` has the parts of the message. */
export class SqlProblem extends AdapterError {
  readonly problem: Problem;
  constructor(problem: Problem, cause?: unknown) {
    super('InvalidQuery', formatProblem(problem), { cause });
    this.problem = problem;
  }
}

type Kind = 'opaque' | 'placeholder' | 'word' | 'other' | 'end';
const WORD = /[A-Za-z_@][A-Za-z0-9_]*|[0-9]+/y;

/** Walks over the text; what is opaque (comments, strings, quoted names) comes whole. */
export function scan(sql: string, visit: (kind: Kind, start: number, end: number, text: string) => void): void {
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(sql);
  };
  while (at < sql.length) {
    const start = at;
    const opaque = match(OPAQUE);
    const placeholder = opaque ? null : match(PLACEHOLDER);
    const word = opaque || placeholder ? null : match(WORD);
    const found = opaque ?? placeholder ?? word;
    at += found ? found[0].length : 1;
    if (opaque) visit('opaque', start, at, opaque[0]);
    else if (placeholder) visit('placeholder', start, at, placeholder[1] ?? '');
    else if (word) visit('word', start, at, word[0]);
    else if (sql[start] === ';') visit('end', start, at, ';');
    else if (!/\s/.test(sql.charAt(start))) visit('other', start, at, sql.charAt(start));
  }
}

function startOfLine(sql: string, line: number): number {
  let start = 0;
  for (let i = 1; i < line; i++) {
    const end = sql.indexOf('\n', start);
    if (end < 0) return start;
    start = end + 1;
  }
  return start;
}

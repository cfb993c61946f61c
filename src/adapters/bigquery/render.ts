import { AdapterError } from '../../contract/errors.ts';
import type { Statement } from '../../ports/warehouse.ts';
import { positionAt, quoteAliases, requireAliases, scan, SqlProblem } from '../google-sql/placeholders.ts';
import type { Position } from '../google-sql/placeholders.ts';

/** A statement as BigQuery gets it, and the way back to the places in the user's file. */
export interface Rendered {
  readonly sql: string;
  readonly file: string;
  readonly original: string;
  /** Names of the query parameters that occur. */
  readonly parameters: readonly string[];
  /** Whether the last statement is a SELECT. */
  readonly selects: boolean;
  /** Place in the user's file of a place in `sql`. */
  place(position: Position): Position;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Puts tables in the places of aliases, and `beforeSelect` before the last statement.
 *
 * @param tables alias → quoted name
 */
export function render(statement: Statement, tables: Readonly<Record<string, string>>, beforeSelect = ''): Rendered {
  const { sql, sqlFile: file } = statement;
  requireAliases(sql, file, quoteAliases(sql), Object.keys(tables));
  const edits: Edit[] = [];
  const parameters = new Set<string>();
  const statements: { start: number; word: string }[] = [];
  let inStatement = false;
  scan(sql, (kind, start, end, text) => {
    if (kind === 'end') {
      inStatement = false;
      return;
    }
    const comment = kind === 'opaque' && /^(?:--|#|\/\*)/.test(text);
    if (comment) return;
    const current = statements.at(-1);
    if (!inStatement) {
      inStatement = true;
      statements.push({ start, word: kind === 'word' ? text : '' });
    } else if (current?.word === '' && kind === 'word') current.word = text;
    if (kind === 'placeholder') edits.push({ start, end, text: tables[text] ?? text });
    // `@@name` is a system variable.
    if (kind === 'word' && /^@./.test(text) && sql[start - 1] !== '@') parameters.add(text.slice(1));
  });
  const last = statements.at(-1);
  if (!last) throw new SqlProblem({ file, line: 1, column: 1, message: 'no statement in it', expected: 'a SELECT' });
  const selects = /^(?:select|with|from)$/i.test(last.word);
  if (selects && beforeSelect !== '') edits.push({ start: last.start, end: last.start, text: beforeSelect });
  edits.sort((a, b) => a.start - b.start);
  return { ...apply(sql, edits), file, original: sql, parameters: [...parameters], selects };
}

function apply(sql: string, edits: readonly Edit[]): Pick<Rendered, 'sql' | 'place'> {
  let text = '';
  let copied = 0;
  /** Pieces of the result: those copied from the original, and those put in the place of something. */
  const pieces: { at: number; original: number; copied: boolean }[] = [];
  for (const edit of edits) {
    pieces.push({ at: text.length, original: copied, copied: true });
    text += sql.slice(copied, edit.start);
    pieces.push({ at: text.length, original: edit.start, copied: false });
    text += edit.text;
    copied = edit.end;
  }
  pieces.push({ at: text.length, original: copied, copied: true });
  text += sql.slice(copied);
  return {
    sql: text,
    place: (position) => {
      const offset = offsetOf(text, position);
      const piece = pieces.findLast((each) => each.at <= offset);
      if (!piece) return position;
      return positionAt(sql, Math.min(sql.length, piece.copied ? piece.original + offset - piece.at : piece.original));
    },
  };
}

function offsetOf(text: string, { line, column }: Position): number {
  let start = 0;
  for (let i = 1; i < line; i++) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  return Math.min(text.length, start + column - 1);
}

/** Refuses a parameter that has no value, by name. */
export function requireParameters(rendered: Rendered, statement: Statement): void {
  const missing = rendered.parameters.find((name) => !(name in statement.parameters));
  if (missing === undefined) return;
  const known = Object.keys(statement.parameters).map((name) => `@${name}`);
  throw new AdapterError(
    'InvalidQuery',
    `${statement.sqlFile}: @${missing} has no value; expected ${known.length > 0 ? `one of ${known.join(', ')}` : `parameters.${missing}`} under parameters`,
  );
}

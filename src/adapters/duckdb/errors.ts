import { AdapterError } from '../../contract/errors.ts';
import { findWord, positionAt, SqlProblem } from '../google-sql/placeholders.ts';
import type { Quoted } from '../google-sql/placeholders.ts';

/** Where an error of DuckDB came from: it knows the translated statement, the user knows the file. */
interface StatementPlace {
  readonly sql: string;
  readonly file: string;
  readonly quoted: Quoted;
  /** Which statement of the script, from 0. */
  readonly statement: number;
}

/** Errors of DuckDB that the statement is to blame for. */
const OF_THE_QUERY =
  /^(?:Parser|Binder|Catalog|Conversion|Invalid Input|Out of Range|Mismatch Type|Type|Constraint|Not implemented|Permission|Invalid type|Syntax|Serialization|Dependency|Expression|Parameter Not Resolved|Parameter Not Allowed|Sequence|Division by zero|Decimal|Cast)\b[^:]*Error: ([\s\S]*)$/i;

/** DuckDB's error as ours; `place` where a statement of a user was run. */
export function adapterError(error: unknown, place?: StatementPlace): Error {
  if (error instanceof AdapterError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  const { message } = error;
  if (/^Out of Memory Error/i.test(message)) {
    const file = place ? `${place.file}: ` : '';
    return new AdapterError(
      'InvalidInput',
      `${file}the statement needs more memory than it may have; raise warehouse.memoryLimit or free disk space for spilling (${firstLine(message)})`,
      { cause: error },
    );
  }
  if (/^(?:IO|FATAL|INTERNAL|Network|Http) Error/i.test(message))
    return new AdapterError('Unavailable', firstLine(message), { cause: error });
  const ofQuery = OF_THE_QUERY.exec(message)?.[1];
  if (ofQuery === undefined || !place) return error;
  const [what = ofQuery, ...rest] = before(ofQuery, '\n\nLINE ').trim().split('\n');
  return new SqlProblem(
    {
      file: place.file,
      ...locate(ofQuery, place),
      message: readable(what),
      hint: rest.length > 0 ? readable(rest.join(' ').trim()) : undefined,
    },
    error,
  );
}

/** Views of aliases are named as the user writes them. */
const readable = (text: string): string => text.replaceAll(/"?(\{\w+\})"?/g, '$1');
const before = (text: string, mark: string): string => text.split(mark, 1)[0] ?? text;
const firstLine = (text: string): string => before(text, '\n');

/** The words that the message names or points at, looked for in the user's own text of the statement. */
function locate(message: string, place: StatementPlace): { line: number; column: number } {
  const from = place.quoted.statements[place.statement] ?? 0;
  const to = place.quoted.statements[place.statement + 1] ?? place.sql.length;
  const pointed = pointedAt(message);
  // `s.price` may stand behind another price.
  const chain = pointed.length < 2 ? null : new RegExp(String.raw`\b${pointed.map(escaped).join('`?\\s*[.]\\s*`?')}\b`, 'i');
  const whole = chain?.exec(place.sql.slice(from, to));
  if (whole) return positionAt(place.sql, from + whole.index + whole[0].length - (pointed.at(-1) ?? '').length);
  for (const word of [...pointed.slice(-1), ...named(message)]) {
    const found = findWord(place.sql, word, from);
    if (found >= 0 && found < to) return positionAt(place.sql, found);
  }
  return positionAt(place.sql, from);
}

const escaped = (word: string): string => word.replaceAll(/[^A-Za-z0-9_]/g, String.raw`\$&`);

/** The words above the caret in DuckDB's `LINE 1: …` excerpt: of `t.price` it is the price. */
function pointedAt(message: string): string[] {
  const [, prefix, line, indent] = /\n(LINE [0-9]+: )([^\n]*)\n( *)\^/.exec(message) ?? [];
  if (prefix === undefined || line === undefined || indent === undefined) return [];
  const chain = /^(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))*/.exec(line.slice(indent.length - prefix.length));
  return chain?.[0].split('.').map((word) => word.replaceAll('"', '')) ?? [];
}

function named(message: string): string[] {
  return [...before(message, '\nCandidate').matchAll(/"([^"]+)"|'([^']+)'|with name (\S+?)!? /g)].flatMap(
    (match) => match[1] ?? match[2] ?? match[3] ?? [],
  );
}

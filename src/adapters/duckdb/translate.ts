import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { AdapterError } from '../../contract/errors.ts';
import type { Problem } from '../../contract/errors.ts';
import { pythonCommand } from '../python.ts';
import { quoteAliases, SqlProblem } from '../google-sql/placeholders.ts';
import type { Quoted } from '../google-sql/placeholders.ts';
import type { TableInfo } from '../../ports/warehouse.ts';
import { GRACES } from '../../rules/durations.ts';

/** One statement of a script, in DuckDB's dialect. */
export interface TranslatedStatement {
  readonly kind: string;
  readonly sql: string;
  /** The table that it changes or makes. */
  readonly target: string | null;
  readonly reads: readonly string[];
}

interface Translation {
  readonly statements: readonly TranslatedStatement[];
  /** Names of the query parameters; `@x` is `$x` now. */
  readonly parameters: readonly string[];
}

/** Names and GoogleSQL types of columns, by alias. */
export type Schemas = Readonly<Record<string, TableInfo['columns']>>;

export interface Translator {
  /**
   * @param types GoogleSQL types of the query parameters, where they are known: a function is then chosen by them, as by a column's type
   * @param schemas columns of aliases, where they are known: fields of structs are matched by place then
   * @throws AdapterError('InvalidQuery') with file, line and column.
   */
  translate(
    sql: string,
    file: string,
    types?: Readonly<Record<string, string>>,
    schemas?: Schemas,
  ): Promise<{ readonly quoted: Quoted; readonly translation: Translation }>;
  close(): Promise<void>;
}

type Answer = ({ readonly ok: true } & Translation) | { readonly ok: false; readonly error: Problem };
type Child = ChildProcessByStdio<Writable, Readable, Readable>;
interface Service {
  readonly child: Child;
  readonly waiting: Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>;
}

const REMEMBERED = 500;

/** GoogleSQL → DuckDB by `python -m longhaul_sql`, which stays: one line of JSON in, one out. Started by the first use. */
export function createTranslator(): Translator {
  let service: Service | undefined;
  let lastId = 0;
  const remembered = new Map<string, Promise<Translation>>();

  const ask = async (request: { readonly sql: string; readonly file: string }): Promise<Answer> => {
    service ??= startService(() => (service = undefined));
    const { child, waiting } = service;
    const id = ++lastId;
    hold(child, true);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        timer = setTimeout(() => {
          child.kill('SIGKILL');
          reject(
            new AdapterError(
              'Unavailable',
              `the SQL translator did not answer for ${request.file} within ${GRACES.translatorAnswerMs / 1000} s`,
            ),
          );
        }, GRACES.translatorAnswerMs);
        child.stdin.write(`${JSON.stringify({ id, op: 'translate', ...request })}\n`);
      });
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
      if (waiting.size === 0) hold(child, false);
    }
  };

  return {
    async translate(sql, file, types, schemas) {
      const quoted = quoteAliases(sql);
      const key = [file, sql, JSON.stringify(types), JSON.stringify(schemas)].join('\0');
      let translating = remembered.get(key);
      if (!translating) {
        translating = ask({
          sql: quoted.sql,
          file,
          ...(types ? { parameters: types } : {}),
          ...(schemas ? { schemas: inBraces(schemas) } : {}),
        }).then((answer) => {
          if (answer.ok) return { statements: answer.statements, parameters: answer.parameters };
          throw new SqlProblem(inOriginal(answer.error, file, quoted));
        });
        remembered.set(key, translating);
        translating.catch(() => remembered.delete(key));
        const [oldest] = remembered.keys();
        if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      }
      return { quoted, translation: await translating };
    },
    async close() {
      const child = service?.child;
      if (!child || child.exitCode !== null) return;
      const over = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      hold(child, true);
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACES.translatorStopMs);
      await over;
      clearTimeout(timer);
    },
  };
}

/** The translator sees an alias with its braces. */
const inBraces = (schemas: Schemas): Schemas =>
  Object.fromEntries(Object.entries(schemas).map(([alias, columns]) => [`{${alias}}`, columns]));

function inOriginal(error: Problem, file: string, quoted: Quoted): Problem {
  const place = error.line === undefined ? undefined : quoted.original({ line: error.line, column: error.column ?? 1 });
  // The translator names the alias as it saw it, in back quotes.
  const readable = (text: string): string => text.replaceAll(/`(\{\w+\})`/g, '$1');
  return {
    ...error,
    file: error.file || file,
    ...place,
    message: readable(error.message),
    found: error.found === undefined ? undefined : readable(error.found),
    hint: error.hint === undefined ? undefined : readable(error.hint),
  };
}

function startService(over: () => void): Service {
  const { command, args, env } = pythonCommand('longhaul_sql', []);
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting: Service['waiting'] = new Map();
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-2000)));
  // What a dead child does not take any more, its exit tells.
  child.stdin.on('error', () => undefined);
  const fail = (error: AdapterError): void => {
    over();
    for (const each of waiting.values()) each.reject(error);
  };
  child.once('error', (error) =>
    fail(
      new AdapterError(
        'InvalidInput',
        `cannot run ${command}: ${error.message}; set LONGHAUL_PYTHON to a Python with the trainer's requirements`,
        { cause: error },
      ),
    ),
  );
  child.once('exit', (code, signal) =>
    fail(new AdapterError('Unavailable', `the SQL translator ended with ${signal ?? `code ${code}`}: ${complaints.trim()}`)),
  );
  createInterface({ input: child.stdout }).on('line', (line) => {
    const told = answerIn(line);
    // Whoever waits hears of it by the exit; the next request starts another translator.
    if (told === null) child.kill('SIGKILL');
    else waiting.get(told.id)?.resolve(told.answer);
  });
  return { child, waiting };
}

function answerIn(line: string): { readonly id: number; readonly answer: Answer } | null {
  try {
    const { id, ...answer } = JSON.parse(line) as Answer & { id: number };
    return { id, answer };
  } catch {
    return null;
  }
}

/** An idle translator is no reason for the process to stay. */
function hold(child: Child, busy: boolean): void {
  for (const each of [child, child.stdin, child.stdout, child.stderr] as unknown as { ref?(): void; unref?(): void }[]) {
    if (busy) each.ref?.();
    else each.unref?.();
  }
}

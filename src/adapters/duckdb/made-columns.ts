/** Which columns a statement will make, and what is wrong with it, where the columns of all that it reads are known: it is bound to empty tables. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import type { Problem } from '../../contract/errors.ts';
import type { JobContext, Statement } from '../../ports/warehouse.ts';
import { SqlProblem } from '../google-sql/placeholders.ts';
import { createEngine, identifier } from './engine.ts';
import type { Session } from './engine.ts';
import { addFunctions } from './functions.ts';
import { asStored } from './queries.ts';
import { atPlace, boundFor, prepareScript, viewOf } from './script.ts';
import type { Script } from './script.ts';
import { isSelect } from './tables-used.ts';
import type { Translator } from './translate.ts';
import { googleTypeOf } from './types.ts';

/** A column of a table that does not exist yet. */
interface MadeColumn {
  readonly name: string;
  /** GoogleSQL. */
  readonly type: string;
  /** In DuckDB's spelling, as whoever reads the table gets it. */
  readonly read: string;
}

interface Binding {
  readonly problems: readonly Problem[];
  /** null: they cannot be told without running it. */
  readonly columns: readonly MadeColumn[] | null;
}

export interface Binder {
  /** @param known columns by alias; where one that the statement names is missing, nothing can be told */
  bind(statement: Statement, known: Readonly<Record<string, readonly MadeColumn[]>>): Promise<Binding>;
  close(): Promise<void>;
}

const NOTHING: Binding = { problems: [], columns: null };
const NO_CONTEXT: JobContext = { signal: new AbortController().signal, progress: () => undefined };
/** Nothing is computed. */
const MEMORY_MB = 512;
/** What no row can be to blame for. */
const OF_BINDING = /^(?:Parser|Binder|Catalog) Error/;

export async function createBinder(translator: Translator): Promise<Binder> {
  const temporary = await mkdtemp(join(tmpdir(), 'longhaul-bind-'));
  const engine = createEngine({ temporary, threads: 1, memoryLimitMb: MEMORY_MB, prepare: addFunctions });
  return {
    async bind(statement, known) {
      try {
        const script = await prepareScript(translator, statement, known);
        if (![...script.quoted.aliases].every((alias) => Object.hasOwn(known, alias))) return NOTHING;
        return await engine.session(NO_CONTEXT, (session) => bindScript(session, script, known));
      } catch (error) {
        // What DuckDB says of the empty tables is nothing that the statement is to blame for.
        if (error instanceof Error && !(error instanceof AdapterError)) return NOTHING;
        if (!(error instanceof SqlProblem)) throw error;
        // Nor does a row tell here what it would be to blame for.
        const isOfBinding = error.cause === undefined || (error.cause instanceof Error && OF_BINDING.test(error.cause.message));
        return isOfBinding ? { problems: [error.problem], columns: null } : NOTHING;
      }
    },
    async close() {
      await engine.close();
      await rm(temporary, { recursive: true, force: true });
    },
  };
}

async function bindScript(session: Session, script: Script, known: Readonly<Record<string, readonly MadeColumn[]>>): Promise<Binding> {
  // What a script does to tables and variables shows only when it runs.
  const isPlain = script.changed.length === 0 && script.before.every((each) => isSelect(each) || isTable(each));
  if (!script.select || !isPlain) return NOTHING;
  for (const alias of script.quoted.aliases) {
    const columns = (known[alias] ?? []).map(({ name, read }) => `CAST(NULL AS ${read}) AS ${identifier(name)}`);
    await session.run(`CREATE TEMP VIEW ${viewOf(alias)} AS SELECT ${columns.join(', ')} WHERE FALSE`);
  }
  for (const [index, each] of script.before.entries())
    if (isTable(each)) await atPlace(script, index, () => session.run(`${each.sql} WITH NO DATA`, boundFor(script, each.sql)));
  const { sql } = script.select;
  return atPlace(script, script.before.length, async () => {
    const bound = boundFor(script, sql);
    const stored = await asStored(session, sql, bound);
    const [made, kept] = [`SELECT * FROM (${sql})`, stored.select];
    // The file has texts where the result has JSON, which come back as JSON.
    const types = (await session.run(`SELECT * FROM (${made}) LIMIT 0`, bound)).columnTypes();
    const described = (await session.run(`DESCRIBE ${kept}`, bound)).getRows();
    const results = (await session.run(`DESCRIBE ${made}`, bound)).getRows();
    const columns = described.map(([name, type], i): MadeColumn => {
      const google = types[i] === undefined ? 'STRING' : googleTypeOf(types[i]);
      return { name: String(name), type: google, read: google.includes('JSON') ? String(results[i]?.[1]) : String(type) };
    });
    return { problems: [], columns };
  });
}

/** `CREATE TEMP TABLE … AS SELECT`. */
const isTable = ({ kind, sql }: { readonly kind: string; readonly sql: string }): boolean => /^create/i.test(kind) && / AS /i.test(sql);

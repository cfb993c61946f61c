/** Statements with known answers: where they lie, what one is, and how outcomes are counted. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { pythonExecutable } from '../../src/adapters/python.ts';
import type { QueryParameter } from '../../src/contract/values.ts';

export interface Case {
  readonly id: string;
  readonly sql: string;
  /** Names of the files in `tables/`, by alias. */
  readonly tables?: Readonly<Record<string, string>>;
  readonly parameters?: Readonly<Record<string, QueryParameter>>;
  /** The alias of a table that the statement changes; the case gets a copy of its own. */
  readonly dml?: string;
  /** A table has columns of types that the embedded warehouse does not take. */
  readonly refused_columns?: boolean;
}

export interface Outcome {
  readonly id: string;
  /** Where it ended: refused when compiling or planning, failed when running, or `ok`. */
  readonly stage: 'compile' | 'plan' | 'run' | 'ok' | 'crash' | 'no table' | 'source refused';
  readonly problem?: unknown;
  readonly error?: unknown;
  /** The rows, in parquet. */
  readonly file?: string;
  /** GoogleSQL types of the columns by the table's description: the file has a text for JSON. */
  readonly types?: readonly string[];
}

interface Counts {
  readonly kinds: Readonly<Record<string, number>>;
  readonly result: Readonly<Record<string, number>>;
}

/** Cases of one file of JSON lines, or of all such files of a folder. */
export function readCases(path: string): Case[] {
  const files = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .map((name) => join(path, name))
    : [path];
  return files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line, exactly) as Case),
  );
}

/** Whole numbers that are no number of JavaScript stay texts, which parameters of INT64 take. */
function exactly(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isWhole = typeof value === 'number' && /^-?[0-9]+$/.test(context?.source ?? '');
  const isFloat = (this as { readonly type?: unknown } | null)?.type === 'FLOAT64';
  return isWhole && !isFloat && !Number.isSafeInteger(value) ? context?.source : value;
}

export const tablesBeside = (path: string): string => join(dirname(path), 'tables');

/** The file of a table of a case. */
export const tableFile = (tables: string, key: string): string => join(tables, `${key.replaceAll(/[^\w.-]/g, '_')}.parquet`);

/** Compares the rows with those expected; `results` gets a line for each case. */
export async function countOutcomes(
  cases: readonly Case[],
  outcomes: readonly Outcome[],
  folder: string,
  results?: string,
): Promise<Counts> {
  const [casesFile, outcomesFile] = [join(folder, 'compared-cases.jsonl'), join(folder, 'outcomes.jsonl')];
  const lines = (items: readonly unknown[]): string => items.map((each) => `${JSON.stringify(each)}\n`).join('');
  writeFileSync(casesFile, lines(cases));
  writeFileSync(outcomesFile, lines(outcomes));
  const { stdout } = await promisify(execFile)(
    pythonExecutable(),
    [join(import.meta.dirname, 'compare.py'), casesFile, outcomesFile, ...(results === undefined ? [] : [results])],
    { maxBuffer: 1 << 26 },
  );
  return JSON.parse(stdout) as Counts;
}

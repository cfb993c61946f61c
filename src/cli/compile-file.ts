/** From a pipeline file, or a run document that was compiled before, to a run document. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { InvalidInputError } from '../contract/errors.ts';
import { RunDocument } from '../contract/run-document.ts';
import { openRegistry } from '../adapters/oci/index.ts';
import type { ImageRegistry } from '../ports/registry.ts';
import { collect, jsonOrText, type Cli } from './context.ts';
import { createSqlChecker, type SqlChecker } from '../adapters/duckdb/check-sql.ts';

export interface CompileOptions {
  readonly profile: string;
  readonly set: readonly string[];
}

export const DEFAULT_PROFILE = 'local';

/** `--profile` and `--set`, for every command that compiles. */
export const withCompileOptions = (command: Command): Command =>
  command
    .option('--profile <name>', 'where it runs: a profile beside the pipeline, or a path', DEFAULT_PROFILE)
    .option('--set <path=value>', 'change a value of the file, e.g. params.epochs=3; may be repeated', collect, []);

export interface Compiled {
  readonly document: RunDocument;
  /** What the run needs in its store, by SHA-256 (`shipCode`). Empty of a document that was compiled before. */
  readonly code: ReadonlyMap<string, Uint8Array>;
  /** That was asked what its images are. */
  readonly registry: ImageRegistry;
}

export async function compileWithCode(file: string, { profile, set }: CompileOptions, { warn }: Pick<Cli, 'warn'>): Promise<Compiled> {
  const registry = openRegistry();
  if (file.endsWith('.json')) {
    const document = await readDocument(file);
    if (document) return { document, code: new Map(), registry };
  }
  // Loaded here: a document that was compiled before needs no compiler.
  const { compile } = await import('../compile/index.ts');
  await using checker = openSqlChecker();
  const code = new Map<string, Uint8Array>();
  const ship = (digest: string, data: Uint8Array): void => void code.set(digest, data);
  const document = await compile(file, {
    profile,
    set,
    checkSql: (sql, name) => checker.check(sql, name),
    bindSql: (statement, known) => checker.bind(statement, known),
    ship,
    warn,
  });
  const { withImageDigests } = await import('./image-digests.ts');
  return { document: await withImageDigests(document, registry), code, registry };
}

/** null: some other JSON, e.g. a pipeline written in it. */
async function readDocument(file: string): Promise<RunDocument | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const value = jsonOrText(text);
  // What is wrong with other JSON, the compiler says with its place.
  if (typeof value !== 'object' || value === null || !('schemaVersion' in value)) return null;
  const parsed = RunDocument.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map((issue) => ({
      file,
      path: issue.path.map(String).join('.'),
      message: issue.message,
      hint: 'compile the pipeline again with this version',
    })),
  );
}

function openSqlChecker(): SqlChecker & AsyncDisposable {
  const checker = createSqlChecker();
  return { ...checker, [Symbol.asyncDispose]: () => checker.close() };
}

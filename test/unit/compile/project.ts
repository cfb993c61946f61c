/** A project on disk for one test: files by name, removed when the test ends. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { compile, type CompileOptions } from '../../../src/compile/index.ts';
import { InvalidInputError, type Problem } from '../../../src/contract/errors.ts';
import type { RunDocument } from '../../../src/contract/run-document.ts';
import type { Step } from '../../../src/contract/steps.ts';

export interface Project extends AsyncDisposable {
  readonly folder: string;
  compile(options?: CompileOptions, file?: string): Promise<RunDocument>;
  /** What is wrong; fails the test when nothing is. */
  problems(options?: CompileOptions, file?: string): Promise<readonly Problem[]>;
}

export async function project(files: Readonly<Record<string, string>>): Promise<Project> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'longhaul-compile-')));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const run = (options: CompileOptions = {}, file = 'pipeline.yaml'): Promise<RunDocument> => compile(file, { cwd: folder, ...options });
  return {
    folder,
    compile: run,
    async problems(options, file) {
      const document = await run(options, file).catch((error: unknown) => {
        if (error instanceof InvalidInputError) return error;
        throw error;
      });
      if (document instanceof InvalidInputError) return document.problems;
      throw new Error(`it compiled to ${document.steps.length} steps; a mistake was expected`);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A pipeline of these steps. */
export const pipeline = (steps: string, rest = ''): string => `version: 1\nname: test\n${rest}\nsteps:\n${steps.replace(/^/gm, '  ')}\n`;

/** Compiles one pipeline file. */
export async function compileText(
  text: string,
  options: CompileOptions = {},
  files: Readonly<Record<string, string>> = {},
): Promise<RunDocument> {
  await using made = await project({ 'pipeline.yaml': text, ...files });
  return await made.compile(options);
}

export async function problemsOf(
  text: string,
  options: CompileOptions = {},
  files: Readonly<Record<string, string>> = {},
): Promise<readonly Problem[]> {
  await using made = await project({ 'pipeline.yaml': text, ...files });
  return await made.problems(options);
}

export function stepOf<K extends Step['spec']['kind']>(
  document: RunDocument,
  id: string,
  kind: K,
): Step & { spec: Extract<Step['spec'], { kind: K }> } {
  const step = [...document.steps, ...document.onExit].find((each) => each.id === id);
  if (step?.spec.kind !== kind) throw new Error(`no ${kind} step ${id} among ${document.steps.map((each) => each.id).join(', ')}`);
  return step as Step & { spec: Extract<Step['spec'], { kind: K }> };
}

export const inlineQuery = (name: string, sql = 'SELECT 1 AS n', more = ''): string =>
  `${name}:\n  kind: query\n  sql: { inline: ${JSON.stringify(sql)} }\n${more.replace(/^(?=.)/gm, '  ')}`;

/** A sampler of one's own: its code packed, and refused where it can be seen that it is not there. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join as joinPath, resolve } from 'node:path';
import type { SamplerInFile } from '../contract/pipeline-search.ts';
import type { Sampler } from '../contract/search-space.ts';
import type { CodePacker } from './code/pack.ts';
import type { LeafStep } from './expand.ts';
import { join, type Details, type Problems } from './problems.ts';
import { child, type MapNode, type Node } from './tree.ts';

interface Written {
  readonly code?: string | undefined;
  readonly requirements?: string | readonly string[] | undefined;
  readonly sampler: SamplerInFile;
}

interface Context {
  readonly problems: Problems;
  readonly packer: CodePacker;
}

/** null: there are mistakes in it, and they are told. The code is that of the search where the sampler names none. */
export async function shippedSampler(
  leaf: LeafStep,
  fields: MapNode,
  written: Written,
  { problems, packer }: Context,
): Promise<Sampler | null> {
  const { code: ownCode, requirements: ownRequirements, ...sampler } = written.sampler;
  const node = child(fields, 'sampler');
  const placeOf = (name: string): { at: Node['at']; path: string } => ({
    at: child(node, name)?.at ?? node?.at ?? leaf.at,
    path: join(leaf.path, 'sampler', name),
  });
  const refuse = (name: string, message: string, details: Details): null => {
    problems.add(placeOf(name).at, placeOf(name).path, message, details);
    return null;
  };
  if (sampler.class === undefined) {
    const without = (['options', 'code', 'requirements'] as const).find((name) => written.sampler[name] !== undefined);
    if (without === undefined) return sampler;
    return refuse(without, 'this field is about a sampler of one’s own', {
      expected: '`class` beside it',
      hint: 'add class: module:Class',
    });
  }
  if (sampler.kind !== 'auto')
    return refuse('kind', 'a sampler is one of ours or one’s own', {
      found: `kind: ${sampler.kind} beside class: ${sampler.class}`,
      hint: 'leave one of them out',
    });
  if (sampler.startupTrials !== undefined)
    return refuse('startupTrials', 'what a sampler of one’s own begins with is its own matter', { hint: 'put it into options' });
  const shared = ownCode === undefined && written.code !== undefined;
  const folder = ownCode ?? written.code;
  const lines = ownRequirements ?? (shared ? written.requirements : undefined);
  if (folder === undefined) {
    if (lines === undefined) return sampler;
    return refuse('requirements', 'requirements are those of code that is shipped', { expected: '`code` beside it' });
  }
  const where = shared ? { at: child(fields, 'code')?.at ?? leaf.at, path: join(leaf.path, 'code') } : placeOf('code');
  const [code, requirements] = await Promise.all([
    packer.code(folder, where),
    lines === undefined
      ? undefined
      : packer.requirements(lines, shared ? { ...where, path: join(leaf.path, 'requirements') } : placeOf('requirements')),
  ]);
  if (!code || requirements === null) return null;
  // Another package may bring the module along; what cannot be imported is told when the run begins.
  const missing = lines === undefined ? await missingFrom(resolve(where.at.folder, folder), sampler.class) : null;
  if (missing !== null) return refuse('class', missing, { expected: 'module:Class, with the module in the code', found: sampler.class });
  return { ...sampler, code, ...(requirements ? { requirements } : {}) };
}

/** Samplers of Optuna itself, and of what stands beside it, need no code. */
const INSTALLED = ['optuna', 'optunahub', 'optuna_integration'];
/** Names may come by these without being written. */
const HIDDEN = /import \*|__getattr__|globals\(\)/;

async function missingFrom(code: string, name: string): Promise<string | null> {
  const [module = '', attribute = ''] = name.split(':');
  const parts = module.split('.');
  if (INSTALLED.includes(parts[0] ?? '')) return null;
  const root = (await stat(code)).isDirectory() ? code : dirname(code);
  const files = [joinPath(root, ...parts) + '.py', joinPath(root, ...parts, '__init__.py')];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => null)));
  const text = texts[0] ?? texts[1] ?? null;
  if (text === null) return `there is no module ${module} in the code`;
  const first = attribute.split('.')[0] ?? '';
  return HIDDEN.test(text) || new RegExp(`\\b${first}\\b`).test(text) ? null : `there is no ${first} in ${module}`;
}

/** `code:` and what goes with it: packed, or refused. */
import { basename } from 'node:path';
import type { Shipped } from '../contract/code.ts';
import type { CodePacker } from './code/pack.ts';
import type { LeafStep } from './expand.ts';
import { join, type Problems } from './problems.ts';
import { child, type MapNode } from './tree.ts';

interface Written {
  readonly kind: 'search' | 'train' | 'container';
  readonly code?: string | undefined;
  readonly requirements?: string | readonly string[] | undefined;
  readonly python?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly image?: string | undefined;
  readonly model?: string | undefined;
}

interface Context {
  readonly problems: Problems;
  readonly packer: CodePacker;
}

/** The fields that take the place of what was written; null: there are mistakes in it, and they are told. */
export async function shipped(
  leaf: LeafStep,
  fields: MapNode,
  written: Written,
  { problems, packer }: Context,
): Promise<(Shipped & { readonly command?: string[] }) | null> {
  const place = (name: string) => ({ at: child(fields, name)?.at ?? leaf.at, path: join(leaf.path, name) });
  if (written.code === undefined) {
    const without = (['requirements', 'python'] as const).filter((name) => written[name] !== undefined);
    for (const name of without)
      problems.add(place(name).at, place(name).path, 'this field is about code that is shipped', {
        expected: '`code` beside it',
        hint: 'add code: FOLDER, or remove the field',
      });
    const missing = written.kind === 'container' ? (['image', 'command'] as const).filter((name) => written[name] === undefined) : [];
    for (const name of missing)
      problems.add(leaf.at, place(name).path, `"${name}" is missing`, {
        expected: name === 'image' ? 'an image, or `code`, which runs in that of the profile' : 'a list',
      });
    return without.length + missing.length > 0 ? null : {};
  }
  const [code, requirements] = await Promise.all([
    packer.code(written.code, place('code')),
    written.requirements === undefined ? undefined : packer.requirements(written.requirements, place('requirements')),
  ]);
  if (!code || requirements === null) return null;
  const command = written.command ?? ownCommand(code);
  if (!command && written.model === undefined) {
    problems.add(leaf.at, place('command').path, '"command" is missing', {
      expected: 'what is to be run in the folder, e.g. [python, train.py]',
      hint: 'or `model: package:function`, a model for the reference trainer',
    });
    return null;
  }
  return { code, ...(requirements ? { requirements } : {}), ...(command ? { command: [...command] } : {}) };
}

/** A single file says by itself how it is run. */
function ownCommand({ files, from }: { readonly files: number; readonly from: string }): string[] | null {
  return files === 1 && from.endsWith('.py') ? ['python', basename(from)] : null;
}

import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { contentFiles } from '../../../workers/workflow-bundle.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const WORKFLOWS = join('workflows', 'index.ts');

/** Of a file of ours; types are gone from a bundle. */
const loads = (file: string): string[] =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from '([^']+)'/gm)].map(
    ([, path = '']) => path,
  );

/** Files of ours that a file loads, and what they load. */
function loaded(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const path of loads(file)) if (path.startsWith('.')) loaded(relative(ROOT, join(ROOT, dirname(file), path)), found);
  return found;
}

it('is built anew when any file that gets into it has changed', async () => {
  const reached = loaded(WORKFLOWS);
  expect(reached.size).toBeGreaterThan(40);
  expect(await contentFiles()).toEqual(expect.arrayContaining([...reached]));
});

// All of it runs anew for each workflow: zod and its schemas were most of what the start of a trial took.
it('holds no library but Temporal’s', () => {
  const foreign = [...loaded(WORKFLOWS)].flatMap((file) =>
    loads(file).flatMap((path) => (/^(\.|@temporalio\/)/.test(path) ? [] : [`${file}: ${path}`])),
  );
  expect(foreign).toEqual([]);
});

import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { contentFiles } from '../../../workers/workflow-bundle.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Files of ours that a file loads, and what they load; types are gone from a bundle. */
function loaded(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const source = readFileSync(join(ROOT, file), 'utf8');
  for (const [, kind, path] of source.matchAll(/^(import|export)\s+(?!type\b)[^;]*?from '(\.[^']+)'/gm))
    if (kind && path) loaded(relative(ROOT, join(ROOT, dirname(file), path)), found);
  return found;
}

it('is built anew when any file that gets into it has changed', async () => {
  const reached = loaded(join('workflows', 'index.ts'));
  expect(reached.size).toBeGreaterThan(40);
  expect(await contentFiles()).toEqual(expect.arrayContaining([...reached]));
});

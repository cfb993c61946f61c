import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const CLI = join(import.meta.dirname, '../../../src/cli');

/** With a profile that the caller named, or on a server that is the project's own. */
const CALLERS_OWN = [
  'commands/plan.ts',
  'commands/run.ts',
  'commands/train.ts',
  'ended-runs.ts',
  'local-jobs.ts',
  'own-places.ts',
  'ship-code.ts',
];

it('no command but these opens what a profile names without asking whose it is', () => {
  const files = readdirSync(CLI, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const opening = files.filter((file) => /\bopenPorts\(/.test(readFileSync(join(CLI, file), 'utf8')));
  expect(opening.sort()).toEqual(CALLERS_OWN);
});

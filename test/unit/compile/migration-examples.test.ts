import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { project } from './project.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, 'examples', 'migrate');
const page = readFileSync(join(ROOT, 'docs', 'migrate.md'), 'utf8');
const files = readdirSync(FOLDER);

describe('docs/migrate.md', () => {
  it.each(files)('leads to %s, which compiles', async (file) => {
    expect(page).toContain(`../examples/migrate/${file}`);
    await using made = await project({ 'pipeline.yaml': readFileSync(join(FOLDER, file), 'utf8') });
    const { steps } = await made.compile();
    expect(steps.map(({ spec }) => spec.kind)).toContain('search');
  });

  it('has an example of each tool', () => expect(files).toHaveLength(page.match(/^## /gm)?.length ?? 0));
});

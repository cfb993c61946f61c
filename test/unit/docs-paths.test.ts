import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
/** Pages that lead a reader through the folders. */
const PAGES = ['docs/follow.md', 'docs/architecture.md', 'docs/upgrade.md', 'CONTRIBUTING.md'];
const FOLDERS = 'bin|src|workflows|activities|workers|python|tools|deploy|test|bench|examples|docs';

describe('a page that names files', () => {
  it.each(PAGES)('%s names only what is there', (page) => {
    const named = [...readFileSync(join(ROOT, page), 'utf8').matchAll(new RegExp(`\`((?:${FOLDERS})/[\\w./-]*)\``, 'g'))].map(
      ([, path = '']) => path,
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

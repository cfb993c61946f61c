import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const { rules } = JSON.parse(readFileSync('.oxlintrc.json', 'utf8')) as { rules: Record<string, unknown> };

/** Of files as the repository's linter sees them. */
function circles(files: Readonly<Record<string, string>>): number {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-circle-'));
  try {
    const config = { plugins: ['import'], categories: { correctness: 'off' }, rules: { 'import/no-cycle': rules['import/no-cycle'] } };
    writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify(config));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return spawnSync('oxlint', ['.'], { cwd: folder, encoding: 'utf8' }).stdout.match(/import\(no-cycle\)/g)?.length ?? 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it.each([
  ['of values', "import { b } from './b.ts';\nexport const a = () => b;", "import { a } from './a.ts';\nexport const b = () => a;"],
  ['of types', "import type { B } from './b.ts';\nexport type A = B;", "import type { A } from './a.ts';\nexport type B = A[];"],
  ['through another file', "import { c } from './c.ts';\nexport const a = () => c;", "export * from './a.ts';"],
])('the linter finds a circle %s', (_what, a, b) => {
  const files = { 'a.ts': a, 'b.ts': b };
  expect(
    circles(a.includes('./c.ts') ? { ...files, 'c.ts': "import { a } from './b.ts';\nexport const c = () => a;" } : files),
  ).toBeGreaterThan(0);
});

it('lets a line of imports be', () => {
  expect(circles({ 'a.ts': "import { b } from './b.ts';\nexport const a = b;", 'b.ts': 'export const b = 1;' })).toBe(0);
});

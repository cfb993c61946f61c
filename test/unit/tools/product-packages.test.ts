/** `npm start` installs no devDependencies: what it runs must do without. */
import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PRODUCT = ['bin', 'src', 'activities', 'workers', 'workflows'];
const IMPORT = /(?:\bfrom |\bimport |\bimport\(|\brequire\()'([^'.\n][^'\n]*)'/g;

const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

it('the product imports packages of dependencies only', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const files = PRODUCT.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.m?ts$|\.mjs$/.test(file))
      .map((file) => join(folder, file)),
  );
  const imported = files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)].map(([, specifier = '']) => ({ file, name: packageOf(specifier) })),
  );
  expect(imported.length).toBeGreaterThan(100);
  expect(imported.filter(({ name }) => !isBuiltin(name) && name !== 'longhaul' && !(name in dependencies))).toEqual([]);
});

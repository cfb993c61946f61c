import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { root } from '../../../bin/setup-tools.mjs';
import { workflowBundle } from '../../../workers/workflow-bundle.ts';

const before = process.cwd();
const elsewhere = mkdtempSync(join(tmpdir(), 'longhaul-bundle-'));
afterEach(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
  rmSync(elsewhere, { recursive: true });
});

it('a bundle that is made in a project’s folder names nothing of this machine', async () => {
  vi.stubEnv('LONGHAUL_CACHE', elsewhere);
  process.chdir(elsewhere);
  const { codePath } = await workflowBundle();
  expect(codePath.startsWith(elsewhere)).toBe(true);
  expect(
    readFileSync(codePath, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${root}/`)),
  ).toEqual([]);
});

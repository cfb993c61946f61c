/** Lightning's Trainer with `longhaul.lightning.fit`: the bits of the undisturbed training after kills anywhere. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { lightningPython } from '../support/frameworks.ts';

it('goes on exactly, wherever it was stopped', async () => {
  const tests = ['-m', 'pytest', '-q', '-rs', 'tests/sdk/test_kills_in_scripts.py', '-k', 'lightning'];
  const { stdout } = await promisify(execFile)(process.env.LONGHAUL_PYTHON ?? 'python3', tests, {
    cwd: join(import.meta.dirname, '..', '..', 'python'),
    env: { ...process.env, LONGHAUL_LIGHTNING_PYTHON: await lightningPython() },
  });
  expect(stdout).toMatch(/^6 passed, \d+ deselected/m);
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { makeRun } from '../../support/run-data.ts';

describe('longhaul plan', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-plan-policy-'));
  const document = join(folder, 'run.json');
  writeFileSync(document, JSON.stringify(makeRun().document));
  const plan = async (...args: readonly string[]) => (await createProgram()).parseAsync(['node', 'longhaul', 'plan', document, ...args]);

  it('refuses what the workers would refuse, by the rule, before it looks anywhere', async () => {
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, 'computes: []\n');
    await expect(plan('--policy', policy)).rejects.toThrow(
      /policy\.yaml: profile\.compute\.kind: the policy's rule "computes" does not allow/,
    );
  });

  it('says that the policy is not there', async () => {
    await expect(plan('--policy', join(folder, 'none.yaml'))).rejects.toThrow('none.yaml: the policy cannot be read');
  });
});

/** An audit of a run on the development stack: equal at first, and a fault that only the first training had. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditState } from '../../src/contract/audit.ts';
import { runCli } from '../support/run-cli.ts';
import { projectOnSharedStack } from '../e2e/shared-stack.ts';

const TRAINER = `
import os, random
import longhaul

faulty = os.path.exists(os.environ["FAULT"])
with longhaul.trial() as trial:
    model = trial.keep(model={"weight": trial.parameters["lr"]})
    for epoch in trial.epochs():
        for x in trial.batches(range(40)):
            model["weight"] = 0.9 * model["weight"] + random.random() * x
            trial.step()
            # As if a bit had flipped at one step: the next ones know nothing of it but what it left.
            if faulty and trial.steps == 100:
                model["weight"] += 1e-9
        trial.validation({"score": model["weight"]})
`;
const pipeline = (fault: string): string => `
version: 1
name: audited
steps:
  search:
    kind: search
    code: ./train.py
    env: { FAULT: ${JSON.stringify(fault)} }
    epochs: 4
    audit: { share: 0.9 }
    objective: { metric: score, direction: maximize }
    space: { lr: { type: float, low: 0.1, high: 1 } }
    n_trials: 2
`;

describe('longhaul audit', () => {
  const folder = projectOnSharedStack('audit');
  const fault = join(folder, 'fault');
  const cli = async (...args: string[]): Promise<{ code: number | null; json: unknown; stderr: string }> => {
    const { code, stdout, stderr } = await runCli([...args, '--output', 'json'], { cwd: folder });
    return { code, stderr, json: stdout === '' ? null : JSON.parse(stdout) };
  };

  beforeAll(() => {
    writeFileSync(join(folder, 'pipeline.yaml'), pipeline(fault));
    writeFileSync(join(folder, 'train.py'), TRAINER);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds all bits equal, which report and plan know of, and has nothing left to compare', async () => {
    const first = await cli('plan', 'pipeline.yaml');
    expect(first.json).toMatchObject({ audits: [{ step: 'search', share: 0.9, checkpoints: 2, bytes: null }] });
    const run = await cli('run', 'pipeline.yaml');
    expect(run.code, run.stderr).toBe(0);
    const audit = await cli('audit', '--share', '0.9');
    expect(audit.code, audit.stderr).toBe(0);
    const { results, plan } = audit.json as AuditState;
    expect(results.map(({ trial, verdict }) => [trial, verdict]).sort()).toEqual([
      [0, 'equal'],
      [1, 'equal'],
    ]);
    expect(results.reduce((sum, { samples }) => sum + samples, 0)).toBeLessThanOrEqual(0.9 * (plan?.trained ?? 0));
    for (const format of ['json', 'md', 'html']) {
      const report = await runCli(['report', '--format', format, '--file', `report.${format}`], { cwd: folder });
      expect(report.code, report.stderr).toBe(0);
      expect(readFileSync(join(folder, `report.${format}`), 'utf8')).toContain(
        format === 'json' ? 'trained again, all bits are equal' : 'again in local',
      );
    }
    const again = await cli('audit');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('audited before')]);
    const second = await cli('plan', 'pipeline.yaml', '--set', 'steps.search.epochs=5');
    const [kept] = (second.json as { audits: { bytes: number }[] }).audits;
    expect(kept?.bytes).toBeGreaterThan(0);
  });

  it('names the step and the tensor of a fault that the first training had, with an exit code of its own', async () => {
    writeFileSync(fault, '');
    const run = await cli('run', 'pipeline.yaml', '--set', 'steps.search.seed=5');
    expect(run.code, run.stderr).toBe(0);
    rmSync(fault);
    const audit = await cli('audit', '--share', '1');
    expect(audit.code, audit.stderr).toBe(5);
    const { results } = audit.json as AuditState;
    const inside = results.filter(({ from, to }) => from < 100 && to >= 100);
    expect(inside.length).toBeGreaterThan(0);
    for (const { verdict, first } of inside)
      expect([verdict, first]).toEqual(['once', { step: 100, after: 99, exact: true, tensors: ['model'] }]);
    for (const { verdict } of results.filter((one) => !inside.includes(one))) expect(verdict).toBe('equal');
  });
});

import pc from 'picocolors';
import { expect, it } from 'vitest';
import type { StepState } from '../../../src/contract/state.ts';
import { evaluationTable, trialTable } from '../../../src/cli/summary.ts';
import { makeRun } from '../../support/run-data.ts';

it('shows an evaluation from the cache as the run that made it did', () => {
  const made = makeRun();
  const step = made.run.steps.find(({ id }) => id === 'evaluate') as StepState;
  const first = evaluationTable(made, step, pc.createColors(false));
  expect(first).toMatch(/model .*\[/);
  const cached = { ...step, status: 'cached' as const, cacheHit: true };
  const later = { ...made, run: { ...made.run, run: 'later' } };
  expect(evaluationTable(later, cached, pc.createColors(false))).toBe(first);
  // Rows of an evaluation that said something else are another's.
  const other = { ...cached, outputs: { ndcg_at_10: 0.123 } };
  expect(evaluationTable(later, other, pc.createColors(false))).toMatch(/model +0\.1230/);
});

it('tells no interval without a width, which older versions wrote of an AUC of 1', () => {
  const made = makeRun();
  const step = made.run.steps.find(({ id }) => id === 'evaluate') as StepState;
  const evaluations = made.evaluations.map((row) => (row.scorer === 'model' ? { ...row, value: 1, low: 1, high: 1, units: 40 } : row));
  const model = evaluationTable({ ...made, evaluations }, step, pc.createColors(false))
    .split('\n')
    .find((line) => line.startsWith('model'));
  expect(model).toMatch(/^model +1 \(no draw differed\)/);
  expect(model).not.toContain('[');
});

it('says where there are too few independent units for an interval', () => {
  const made = makeRun();
  const step = made.run.steps.find(({ id }) => id === 'evaluate') as StepState;
  const evaluations = made.evaluations.map((row) => ({ ...row, low: null, high: null, units: row.scorer === 'model' ? 12 : 30 }));
  const lines = evaluationTable({ ...made, evaluations }, step, pc.createColors(false)).split('\n');
  expect(lines.find((line) => line.startsWith('model'))).toContain('(too few units)');
  for (const line of lines.slice(1)) expect(line.includes('too few')).toBe(line.startsWith('model'));
});

it('has in colour the best trial that a search could answer with, and says what is a replicate', () => {
  const { trials, document } = makeRun({ trials: 6 });
  const [first, second, third] = trials.filter(({ status }) => status === 'succeeded');
  const spec = document.steps.flatMap(({ spec: one }) => (one.kind === 'search' ? [one] : []))[0];
  if (!first || !second || !third || !spec) throw new Error('too few trials');
  const rows = [
    { ...first, objective: 0.5 },
    { ...second, objective: 0.99, origin: 'replicate', parent_trial: 7, reason: null },
    { ...third, objective: 0.98, metrics: JSON.stringify({ latency_ms: 40 }) },
  ];
  const shown = trialTable(rows, pc.createColors(true), { ...spec, metricConstraints: [{ metric: 'latency_ms', max: 20 }] });
  const lines = shown.split('\n').slice(1);
  expect(lines.map((line) => line.includes('\u001b[1m'))).toEqual([true, false, false]);
  expect(lines[1]).toContain('replicate of trial 7');
});

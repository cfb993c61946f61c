import pc from 'picocolors';
import { expect, it } from 'vitest';
import type { StepState } from '../../../src/contract/state.ts';
import { evaluationTable } from '../../../src/cli/summary.ts';
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

import { expect, it } from 'vitest';
import { decisionTable } from '../../../src/cli/commands/decisions.ts';

it('shows who decided, what proves it, and what was refused', () => {
  const common = { pipeline: 'p', run: 'r', time: '2026-11-24T10:15:00.250Z' };
  const text = decisionTable([
    {
      ...common,
      id: '1',
      decision: 'keep-trial',
      step: 'search',
      trial: 0,
      by: 'ada',
      how: null,
      why: 'promising',
      outcome: 'counted',
      reason: null,
      details: '{}',
    },
    {
      ...common,
      id: '2',
      decision: 'approve',
      step: 'release',
      trial: null,
      by: 'eve',
      how: 'iap',
      why: null,
      outcome: 'refused',
      reason: 'none of its approvers',
      details: '{}',
    },
  ]);
  const [titles, ...lines] = text.split('\n').map((line) => line.split(/ {2,}/));
  expect(titles).toEqual(['time', 'decision', 'of', 'by', 'proved by', 'why', 'outcome']);
  expect(lines).toEqual([
    ['2026-11-24 10:15:00', 'keep-trial', 'search trial 0', 'ada', 'nothing', 'promising', 'counted'],
    ['2026-11-24 10:15:00', 'approve', 'release', 'eve', 'iap', 'refused: none of its approvers'],
  ]);
});

import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { createSearchActivities } from '../../../activities/search.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';
import { profileOf } from '../../workflow/search-harness.ts';

it('warms a search with what earlier trials came to, and with no replicate: it is the same parameters again', async () => {
  const ports = createMemoryPorts();
  const row = (trial: number, origin: string, objective: number): LedgerRow<'trials'> => ({
    ...{ pipeline: 'p', run: 'earlier', time: '2026-12-01T00:00:00Z', step: 'search', trial, origin, objective },
    ...{ status: 'succeeded', objective_metric: 'score', parameters: '{"x":0.5}', metrics: '{}' },
  });
  const rows = [row(0, 'sampler', 0.5), row(1, 'enqueued', 0.6), row(2, 'replicate', 0.9)];
  const warehouse = await ports.warehouse(profileOf());
  Object.assign(ports, { warehouse: () => Promise.resolve({ ...warehouse, ledger: () => Promise.resolve(rows) }) });
  const { readWarmStart } = createSearchActivities(ports);
  const input = { profile: profileOf(), runs: ['earlier'], objectives: [{ metric: 'score', goal: 'maximize' as const }] };
  const found = new MockActivityEnvironment().run(readWarmStart, input);
  await expect(found).resolves.toEqual([0.5, 0.6].map((value) => ({ parameters: { x: 0.5 }, values: [value] })));
});

import { describe, expect, it } from 'vitest';
import { costPerSecond, liveCost, spent } from '../../../workflows/search/spending.ts';
import type { SearchRun } from '../../../workflows/search/state.ts';

const HOUR_MS = 3_600_000;

function running(nodes: number | undefined): SearchRun {
  const record = { state: { pool: 'spot', cost: 1, startedAt: 0 }, runningSince: 0, busyMs: 0 };
  return {
    input: { profile: { pools: [{ name: 'spot', pricePerHour: 2 }] }, spec: { resources: { nodes } } },
    memory: { records: [record, record], startedAt: 0, pausedMs: 0, pausedSince: null },
  } as unknown as SearchRun;
}

describe('what runs', () => {
  it.each([
    [undefined, 2],
    [4, 8],
  ])('costs the price of each of its machines (nodes: %s)', (nodes, pricePerHour) => {
    const run = running(nodes);
    expect(costPerSecond(run)).toBeCloseTo((2 * pricePerHour) / 3600, 12);
    expect(liveCost(run, run.memory.records[0]!, 3 * HOUR_MS)).toBe(1 + 3 * pricePerHour);
    expect(spent(run, 3 * HOUR_MS).cost).toBe(2 + 6 * pricePerHour);
  });
});

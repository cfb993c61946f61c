import { describe, expect, it } from 'vitest';
import { PoolsOutput } from '../../../src/cli/output-schemas.ts';
import { poolsNow } from '../../../src/present/pools-now.ts';
import { Pool } from '../../../src/contract/profile.ts';
import type { JobInfo } from '../../../src/ports/compute.ts';
import { poolEvents, poolRates } from '../../../src/rules/pool-rates.ts';

const NOW = Date.UTC(2026, 10, 29, 12);
const pools = [
  Pool.parse({ name: 'spot-a', spot: true, pricePerHour: 0.3, cluster: 'eu' }),
  Pool.parse({ name: 'spot-b', spot: true, pricePerHour: 0.2, cluster: 'us' }),
  Pool.parse({ name: 'on-demand', spot: false, pricePerHour: 1 }),
];
const row = (pool: string, verdict: string, hours: number) => ({
  ...{ pipeline: 'p', run: 'old', time: new Date(NOW).toISOString(), step: 's', trial: 0, attempt: 1, pool, verdict },
  ...{ seconds: hours * 3600, ended_at: new Date(NOW).toISOString() },
});
const job = (trial: number, phase: JobInfo['phase'], attempt?: number): JobInfo => ({
  name: `t${trial}`,
  labels: { run: 'r', step: 's', trial: String(trial), ...(attempt === undefined ? {} : { attempt: String(attempt) }) },
  phase,
});

describe('pools', () => {
  it('have what runs and waits in each, without looks for machines, and what the ledger knows of them', () => {
    const rates = poolRates(
      poolEvents([row('spot-a', 'preempted', 4), row('spot-a', 'succeeded', 4), row('spot-b', 'no-capacity', 0)]),
      NOW,
    );
    const placed = [
      { run: 'r', step: 's', trial: 1, pool: 'spot-a' },
      { run: 'r', step: 's', trial: 2, pool: 'spot-b' },
      { run: 'r', step: 's', trial: 3, pool: 'spot-a' },
    ];
    const jobs = [
      job(1, 'running', 2),
      job(2, 'pending', 1),
      job(3, 'ended', 1),
      job(3, 'running', 2),
      job(1, 'pending'),
      job(9, 'running', 1),
    ];
    expect(PoolsOutput.parse(poolsNow({ pools }, rates, placed, jobs))).toMatchObject([
      { pool: 'spot-a', cluster: 'eu', running: 2, waiting: 0, preemptionsPerHour: 0.125, lastPreemptedAt: NOW, lastEmptyAt: null },
      { pool: 'spot-b', cluster: 'us', running: 0, waiting: 1, preemptionsPerHour: null, lastEmptyAt: NOW },
      { pool: 'on-demand', cluster: null, spot: false, running: 0, waiting: 0, pricePerHour: 1, preemptionsPerHour: null },
    ]);
  });
});

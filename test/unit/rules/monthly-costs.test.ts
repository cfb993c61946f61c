import { describe, expect, it } from 'vitest';
import { CostsOutput } from '../../../src/cli/output-schemas.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import { monthsUntil, spendings, summed } from '../../../src/rules/monthly-costs.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const run = (name: string, more: Partial<LedgerRow<'runs'>> = {}): LedgerRow<'runs'> => ({
  ...{ pipeline: 'ranking', run: name, time: '2026-11-02T00:00:00Z', started_at: '2026-10-30T00:00:00Z', ended_at: '2026-11-02T00:00:00Z' },
  ...more,
});
const step = (of: string, name: string, cost: number, more: Partial<LedgerRow<'steps'>> = {}): LedgerRow<'steps'> => ({
  ...{ pipeline: 'ranking', run: of, time: '2026-11-02T00:00:00Z', step: name, cost, cache_hit: false },
  ...{ started_at: '2026-11-01T00:00:00Z', ended_at: '2026-11-02T00:00:00Z', ...more },
});
const attempt = (of: string, trial: number, cost: number, from: string, to: string): LedgerRow<'attempts'> => ({
  ...{ pipeline: 'ranking', run: of, time: to, step: 'search', trial, attempt: 1, cost, on_demand_cost: 3 * cost },
  ...{ started_at: from, ended_at: to },
});
const of = (rows: Partial<Parameters<typeof spendings>[0]>, open: Parameters<typeof spendings>[1] = []) =>
  spendings({ runs: [], steps: [], attempts: [], currency: 'EUR', ...rows }, open, NOW);
const amounts = (all: ReturnType<typeof of>) => all.map(({ month, team, cost }) => [month, team, Number(cost.toFixed(6))]);

describe('money by month, team and pipeline', () => {
  it('spreads an attempt over the months in which it ran', () => {
    const attempts = [attempt('a', 0, 40, '2026-10-31T00:00:00Z', '2026-11-02T00:00:00Z')];
    const all = of({ runs: [run('a', { cost: 40 })], attempts });
    expect(amounts(all)).toEqual([
      ['2026-11', null, 20],
      ['2026-10', null, 20],
    ]);
    expect(all[0]?.onDemandCost).toBe(60);
  });

  it('counts nothing twice: a search has cost its attempts and what it cost besides, a run its steps', () => {
    const attempts = [attempt('a', 0, 4, '2026-11-01T00:00:00Z', '2026-11-01T02:00:00Z')];
    const steps = [step('a', 'search', 5), step('a', 'query', 2), step('a', 'cached', 9, { cache_hit: true })];
    expect(amounts(of({ runs: [run('a', { cost: 7 })], steps, attempts }))).toEqual([['2026-11', null, 7]]);
  });

  it('counts what an open run has spent beyond the ledger to this month', () => {
    const open = run('a', { ended_at: null });
    const attempts = [attempt('a', 0, 4, '2026-10-01T00:00:00Z', '2026-10-02T00:00:00Z')];
    expect(amounts(of({ runs: [open], attempts }, [{ run: 'a', cost: 10 }]))).toEqual([
      ['2026-11', null, 6],
      ['2026-10', null, 4],
    ]);
  });

  it('tells teams and currencies apart, and takes what a row does not say from the profile', () => {
    const runs = [run('a', { cost: 1, team: 'north', currency: 'USD' }), run('b', { cost: 2, team: 'south' }), run('c', { cost: 4 })];
    const steps = runs.map((each) => step(each.run, 'query', Number(each.cost)));
    const all = of({ runs, steps });
    expect(CostsOutput.parse(summed(all, ['team']))).toEqual([
      { team: null, currency: 'EUR', cost: 4, onDemandCost: 4, saved: 0, runs: 1 },
      { team: 'north', currency: 'USD', cost: 1, onDemandCost: 1, saved: 0, runs: 1 },
      { team: 'south', currency: 'EUR', cost: 2, onDemandCost: 2, saved: 0, runs: 1 },
    ]);
    expect(summed(all, []).map(({ currency, cost, runs: count }) => [currency, cost, count])).toEqual([
      ['EUR', 6, 2],
      ['USD', 1, 1],
    ]);
  });

  it('counts a run of two months once where months are added up', () => {
    const attempts = [attempt('a', 0, 40, '2026-10-31T00:00:00Z', '2026-11-02T00:00:00Z')];
    expect(summed(of({ runs: [run('a')], attempts }), ['pipeline'])).toMatchObject([{ pipeline: 'ranking', cost: 40, saved: 80, runs: 1 }]);
  });

  it('reads rows of steps that began before the first month', () => {
    expect(monthsUntil(NOW, 2).first).toBe('2026-10');
    expect(monthsUntil(NOW, 12).first).toBe('2025-12');
    expect(monthsUntil(NOW, 1).since).toBeLessThan(Date.parse('2026-09-02T00:00:00Z'));
  });

  it('does not stumble over rows without numbers or times', () => {
    const odd = step('a', 'query', Number.NaN);
    expect(of({ runs: [run('a', { cost: null, ended_at: 'never' })], steps: [odd], attempts: [] })).toEqual([]);
  });
});

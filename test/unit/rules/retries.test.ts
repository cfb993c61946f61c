import { describe, expect, it } from 'vitest';
import type { Retry } from '../../../src/contract/retry.ts';
import type { SearchCarried } from '../../../src/contract/search.ts';
import type { Step } from '../../../src/contract/steps.ts';
import type { StepState } from '../../../src/contract/state.ts';
import { blankRecord } from '../../../src/rules/carried-trials.ts';
import { attemptsBefore, reopenEnded, standing } from '../../../src/rules/retries.ts';
import { documentOf, query } from '../../workflow/documents.ts';

const HOUR = 3_600_000;

describe('the steps that stand', () => {
  const { steps } = documentOf([
    query('a'),
    query('b', { dependsOn: ['a'] }),
    query('c', { dependsOn: ['b'] }),
    query('d'),
    query('e', { dependsOn: ['d'] }),
  ]);
  const state = (id: string, status: StepState['status'], more: Partial<StepState> = {}): StepState => ({
    id,
    kind: 'query',
    status,
    startedAt: 1,
    endedAt: 2,
    cacheKey: null,
    cacheHit: false,
    outputs: {},
    reason: null,
    workflowId: null,
    cost: 1,
    ...more,
  });
  const retry = (from: string | null, ...states: StepState[]): Retry => ({ number: 1, from, steps: states, by: null, why: null });
  const all = ['a', 'b', 'c', 'd', 'e'].map((id) => state(id, 'succeeded'));
  const ids = (from: string | null, states = all): string[] => standing(steps, retry(from, ...states)).map(({ id }) => id);

  it.each([
    [null, ['a', 'b', 'c', 'd', 'e']],
    ['a', ['d', 'e']],
    ['b', ['a', 'd', 'e']],
    ['c', ['a', 'b', 'd', 'e']],
    ['e', ['a', 'b', 'c', 'd']],
  ])('are, from %s, those that do not depend on it', (from, expected) => {
    expect(ids(from)).toEqual(expected);
  });

  it('are not those that only signed answers pass: who starts the retry says that they were passed', () => {
    const gate = (id: string, more: object) => ({ ...query(id), dependsOn: [], spec: { kind: 'approval', ...more } }) as unknown as Step;
    const gates = [gate('plain', {}), gate('named', { approvers: ['ada@example.com'] }), gate('two', { fourEyes: true })];
    const passed = gates.map(({ id }) => state(id, 'succeeded'));
    expect(standing(gates, retry(null, ...passed)).map(({ id }) => id)).toEqual(['plain']);
  });

  it.each(['failed', 'cancelled', 'blocked', 'skipped', 'running', 'pending'] as const)('are not those that %s', (status) => {
    expect(ids(null, [state('a', status), state('b', 'cached')])).toEqual(['b']);
  });

  it('count attempts on, far beyond those that nobody counted', () => {
    const found = retry(null, state('a', 'failed', { attempts: 7 }), state('b', 'failed'), state('c', 'blocked', { startedAt: null }));
    expect(['a', 'b', 'c', 'x'].map((id) => attemptsBefore(found, id))).toEqual([7, 1000, 0, 0]);
    expect(attemptsBefore(null, 'a')).toBe(0);
  });
});

describe('an ended search', () => {
  const places = { output: 'file:///o', workflowId: (trial: number) => `r/s/trial-${trial}` };
  const record = (trial: number, status: string, more: object = {}, state: object = {}): SearchCarried['records'][number] => {
    const blank = blankRecord(trial, places);
    Object.assign(blank, { told: trial, ...more });
    Object.assign(blank.state, { status, startedAt: 1, endedAt: 5 * HOUR, attempts: 2, ...state });
    return blank;
  };
  const memory = (...records: SearchCarried['records']): SearchCarried =>
    ({
      startedAt: 1,
      status: 'failed',
      reason: '2 trials failed, 1 may',
      records,
      finishing: { reason: '2 trials failed, 1 may', failed: true },
      pausedMs: HOUR,
      pausedSince: 4 * HOUR,
    }) as unknown as SearchCarried;

  it('goes on with what failed, was cancelled, or ended only with it', () => {
    const found = memory(
      record(0, 'succeeded'),
      record(1, 'failed'),
      record(2, 'stopped', { stopping: 'median: poor' }, { reason: 'median: poor' }),
      record(3, 'stopped', { stopping: '2 trials failed, 1 may' }),
      record(4, 'cancelled'),
      record(5, 'running', { told: null, active: true }),
    );
    expect(reopenEnded(found, 9 * HOUR, true, null)).toEqual([1, 3, 4, 5]);
    expect(found).toMatchObject({ status: 'running', reason: null, finishing: null, pausedSince: null, pausedMs: 5 * HOUR });
    expect(found.records.map(({ state }) => state.status)).toEqual(['succeeded', 'queued', 'stopped', 'queued', 'queued', 'queued']);
    expect(found.records.every(({ active }) => !active)).toBe(true);
  });

  it('counts no time of a pause in which it ended, nor what came after', () => {
    const found = memory(record(0, 'cancelled'));
    reopenEnded(found, 9 * HOUR, true, 4 * HOUR);
    expect(found).toMatchObject({ pausedSince: null, pausedMs: 6 * HOUR });
  });

  it('holds again what was held when it ended, at the rung where it was', () => {
    const halving = (held: boolean) => ({ halving: { bracket: 0, rungs: [[1, 4, 0.25]], expected: [0.25], held, allowed: 0 } });
    const records = () => [
      record(0, 'stopped', { stopping: 'cancelled', ...halving(true) }, { reason: 'cancelled' }),
      record(1, 'stopped', { stopping: 'cancelled', ...halving(false) }, { reason: 'cancelled' }),
    ];
    const found = { ...memory(...records()), reason: 'cancelled', finishing: null };
    expect(reopenEnded(found, 9 * HOUR, true, null)).toEqual([1]);
    expect(found.records[0]).toMatchObject({
      told: null,
      halving: { held: true, allowed: 1 },
      state: { status: 'paused', reason: 'held at rung 0 (point 4) with 0.25' },
    });
    // As a history from before that says.
    expect(reopenEnded({ ...memory(...records()), reason: 'cancelled', finishing: null }, 9 * HOUR, false, null)).toEqual([0, 1]);
  });

  it('numbers attempts on, also of a trial that could not say its end', () => {
    const carried = { attempts: 4, samples: 80, fruitless: 9, crashesInRow: 3, memoryRetries: 1 };
    const found = memory(record(0, 'failed', { carried }), record(1, 'failed'), record(2, 'failed', {}, { attempts: 0 }));
    reopenEnded(found, 6 * HOUR, true, null);
    expect(found.records.map((one) => one.carried?.attempts ?? null)).toEqual([4, 2, null]);
    expect(found.records[0]?.carried).toMatchObject({ samples: 80, fruitless: 0, crashesInRow: 0, memoryRetries: 0 });
  });
});

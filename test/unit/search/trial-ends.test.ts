import { describe, expect, it } from 'vitest';
import type { AttemptVerdict } from '../../../src/contract/jobs.ts';
import type { Objective } from '../../../src/contract/search-space.ts';
import type { TrialState } from '../../../src/contract/state.ts';
import { endOf, samplerStateOf } from '../../../src/rules/trial-ends.ts';

const SCORE: Objective = { metric: 'score', goal: 'maximize' };
const LATENCY: Objective = { metric: 'latency', goal: 'minimize' };

describe('what the sampler hears of an end', () => {
  const told = (
    status: TrialState['status'],
    more: { reason?: string; verdict?: AttemptVerdict; values?: (number | null)[] } = {},
  ): string =>
    samplerStateOf({
      state: { status, reason: more.reason ?? null },
      values: more.values ?? [0.5],
      ...(more.verdict ? { verdict: more.verdict } : {}),
    });

  it.each([
    ['patience: no progress beyond 0.5 in 3 points', 'complete'],
    ['overfitting: validation_loss is 0.5 worse than loss', 'complete'],
    ['wall-clock: trained for 61 s, more than 60 s', 'complete'],
    ['stopped by ada (enough)', 'complete'],
    ['median: best value 0.3 is worse than the median 0.6', 'pruned'],
    ['asha: value 0.1 at rung 0', 'pruned'],
    ['underfitting: loss is 2 after 3 points', 'pruned'],
    ['divergence: loss is not a number', 'pruned'],
    ['early evaluation: mrr 0.1 is below 0.2', 'pruned'],
  ])('stopped, %s: %s', (reason, state) => {
    expect(told('stopped', { reason })).toBe(state);
    // Without a value there is nothing to count.
    expect(told('stopped', { reason, values: [null] })).toBe('pruned');
  });

  it('failed: poor by what was tried, or nothing where machines were at fault', () => {
    expect(told('failed', { verdict: 'out-of-memory' })).toBe('pruned');
    expect(told('failed', { verdict: 'crashed' })).toBe('pruned');
    expect(told('failed', { verdict: 'silent' })).toBe('failed');
    expect(told('failed', { verdict: 'deleted' })).toBe('failed');
    expect(told('failed')).toBe('failed');
  });
});

describe('what a trial came to', () => {
  const record = (more: object = {}): Parameters<typeof endOf>[0] => ({
    curve: [],
    series: {},
    stopping: null,
    state: { offline: {}, metrics: {} },
    ...more,
  });
  const succeeded = { status: 'succeeded', objective: null, metrics: { loss: 0.2 }, reason: null } as const;
  const stopped = { ...succeeded, status: 'stopped', metrics: {} } as const;

  it('a stopped trial has its best point, and the other objectives of that point', () => {
    const ran = record({
      curve: [0.2, 0.9, 0.8],
      series: { latency: [7, 30, 1] },
      stopping: 'patience: enough',
      state: { offline: {}, metrics: { latency: 1 } },
    });
    expect(endOf(ran, stopped, [SCORE, LATENCY])).toEqual({ status: 'stopped', values: [0.9, 30], reason: 'patience: enough' });
  });

  it('one that was at its end before it heard that it should stop was not stopped', () => {
    const ran = record({ curve: [0.9], stopping: 'median: poor' });
    expect(endOf(ran, { ...succeeded, metrics: { score: 0.9 } }, [SCORE])).toEqual({ status: 'succeeded', values: [0.9], reason: null });
  });

  it('one that came to no number was stopped, one without the metric failed', () => {
    expect(endOf(record(), { ...succeeded, metrics: { score: null } }, [SCORE])).toMatchObject({
      status: 'stopped',
      reason: 'diverged: score is not a number',
    });
    expect(endOf(record({ curve: [null, null] }), succeeded, [SCORE])).toMatchObject({ status: 'stopped' });
    expect(endOf(record(), succeeded, [SCORE])).toEqual({
      status: 'failed',
      values: [null],
      reason: 'finished without the metric score; it has loss',
    });
  });

  it('one whose export could not be evaluated failed, as nobody knows what it is worth', () => {
    const ran = record({ curve: [null], evaluationFailure: 'the scorer ended' });
    expect(endOf(ran, succeeded, [{ metric: 'offline.mrr', goal: 'maximize' }])).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('the scorer ended') as string,
    });
  });
});

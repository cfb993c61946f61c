import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { changes, noteOf, treeLines } from '../../../src/cli/run-tree.ts';
import type { Snapshot } from '../../../src/cli/run-tree.ts';
import type { StepState } from '../../../src/contract/state.ts';
import { costForecast, remaining, trialsPerHour } from '../../../src/present/pace.ts';
import { makeRun } from '../../support/run-data.ts';

const plain = pc.createColors(false);
const running = makeRun({ stage: 'running' });
const search = running.searches.search!;

describe('the task tree', () => {
  it('shows states, rates, what is left and what it will cost', () => {
    const lines = treeLines(running, plain, running.now, 400);
    const line = lines.find((one) => one.includes('● search'));
    expect(line).toMatch(
      /\d+ of 24 trials, best validation_ndcg_at_10 0\.\d+ \(trial \d+\), [\d.]+ trials\/h, about [\dhms ]+ left, \$\d+\.\d\d of about \$\d+\.\d\d$/,
    );
    expect(lines.filter((one) => /● trial \d+ .*point \d+, [\d.]+ points\/min, .*spot-l4/.test(one))).toHaveLength(
      search.trials.filter((trial) => trial.status === 'running' && trial.points > 0).length,
    );
    expect(lines.find((one) => one.includes('candidates'))).toContain('cached');
    expect(lines).toContain('  TensorBoard http://127.0.0.1:6006/');
  });

  it('shows what early evaluation found, and the question that a trial asks', () => {
    const [first, ...others] = search.trials.filter((trial) => trial.status === 'running');
    const asking = {
      ...first!,
      status: 'paused' as const,
      offline: { average_rank: 80, mrr: 0.25 },
      reason: 'waits for an answer: too bad',
    };
    const asked = { ...running, searches: { search: { ...search, trials: [asking, ...others] } } };
    const line = treeLines(asked, plain, running.now, 400).find((one) => one.includes(`trial ${asking.trial} `));
    expect(line).toMatch(/offline average_rank 80, offline mrr 0.2500, waits for an answer: too bad/);
    expect(
      changes({ ...running, searches: { search: { ...search, trials: [{ ...asking, offline: {} }, ...others] } } }, asked, running.now),
    ).toEqual([`search trial ${asking.trial}: offline average_rank 80, offline mrr 0.2500`]);
  });

  it('says what a trial waits for and for how long, and nothing of one that waits no more', () => {
    const [first, ...others] = search.trials.filter((trial) => trial.status === 'running');
    const since = running.now - 12 * 60_000;
    const withTrial = (change: object): Snapshot => ({
      ...running,
      searches: { search: { ...search, trials: [{ ...first!, ...change }, ...others] } },
    });
    const waits = withTrial({ reason: 'waiting in queue team-a: insufficient unused quota for cpu', waitingSince: since });
    const trains = withTrial({ reason: 'attempt 1 on spot: preempted', waitingSince: undefined });
    const text = 'waiting in queue team-a: insufficient unused quota for cpu (for 12 min)';
    const line = (snapshot: Snapshot) => treeLines(snapshot, plain, running.now, 400).find((one) => one.includes(`trial ${first!.trial} `));
    expect(line(waits)).toContain(text);
    expect(line(trains)).not.toMatch(/preempted$|for 12 min/);
    expect(changes(trains, waits, running.now)).toEqual([`search trial ${first!.trial}: ${text}`]);
    expect(changes(waits, waits, running.now)).toEqual([]);
  });

  it('says what the Job of a step waits for and for how long', () => {
    const [first, ...others] = running.run.steps;
    const withStep = (change: object): Snapshot => ({ ...running, run: { ...running.run, steps: [{ ...first!, ...change }, ...others] } });
    const works = withStep({ status: 'running', endedAt: null, reason: null });
    const since = running.now - 75 * 60_000;
    const waits = withStep({ status: 'running', endedAt: null, reason: 'waiting for the registry: 503', waitingSince: since });
    const text = 'waiting for the registry: 503 (for 1 h 15 min)';
    expect(treeLines(waits, plain, running.now, 400).find((line) => line.includes(first!.id))).toContain(text);
    expect(changes(works, waits, running.now)).toEqual([`${first!.id} running: ${text}`]);
    expect(changes(waits, waits, running.now)).toEqual([]);
  });

  it('says which rules of a check did not keep, though it may go on', () => {
    const { outputs: _outputs, ...step } = running.run.steps[0]!;
    const results = { 'nulls of price': { value: 0.14, outcome: 'warn' }, rows: { value: 400, outcome: 'pass' } };
    const noted = (outputs: StepState['outputs']): string =>
      noteOf({ ...step, kind: 'check', reason: null, outputs }, undefined, running.now);
    expect(noted({ table: 't', passed: 1, warned: 1, results })).toBe('1 rule kept, 1 not (a warning): nulls of price');
    expect(noted({ table: 't', passed: 2, warned: 0, results: {} })).toBe('2 rules kept');
  });

  it('names clusters that do not answer, each once', () => {
    const since = running.now - 12 * 60_000;
    const away = { ...running, searches: { search: { ...search, clusters: [{ name: 'us-east1', silentSince: since }] } } };
    const lines = (snapshot: Snapshot): string[] =>
      treeLines(snapshot, plain, running.now, 400)
        .map((line) => line.trim())
        .filter((line) => line.startsWith('cluster '));
    expect(lines(away)).toEqual(['cluster us-east1 does not answer for 12 min']);
    expect(lines({ ...away, clusters: [{ name: 'us-east1', silentSince: null }] })).toEqual(lines(away));
    expect(lines({ ...running, clusters: [{ name: 'us-east1', silentSince: since }] })).toEqual(lines(away));
    expect(lines({ ...running, clusters: [{ name: 'asia', silentSince: null }] })).toEqual(['cluster asia has no training worker']);
  });

  it('fits the width of the terminal', () => {
    for (const line of treeLines(makeRun({ stage: 'running', trials: 200, parallel: 40 }), plain, running.now, 80))
      expect(line.length).toBeLessThan(80);
  });

  it('shows trials that train before those that are held, of which a search has many', () => {
    const [first] = search.trials.filter((trial) => trial.status === 'running');
    const trials = Array.from({ length: 30 }, (_, trial) =>
      trial < 20 ? { ...first!, trial, status: 'paused' as const, held: true as const, reason: 'held at rung 0' } : { ...first!, trial },
    );
    const lines = treeLines({ ...running, searches: { search: { ...search, trials } } }, plain, running.now, 400);
    expect(lines.filter((line) => / trial \d/.test(line)).map((line) => Number(/ trial (\d+)/.exec(line)?.[1]))).toEqual([
      20, 21, 22, 23, 24, 25, 26, 27,
    ]);
    expect(lines.find((line) => line.includes('● search'))).toContain('20 held');
  });

  it('adds up to what the search says', () => {
    const ended = search.trials.filter((trial) => trial.endedAt !== null);
    expect(trialsPerHour(search, running.now)).toBeGreaterThan(0);
    expect(remaining(search, running.now)).toBeGreaterThan(0);
    expect(costForecast(search)).toBeGreaterThan(search.cost);
    expect(trialsPerHour({ ...search, trials: [] }, running.now)).toBeNull();
    expect(costForecast({ ...search, trials: ended, plannedTrials: ended.length })).toBeCloseTo(search.cost);
  });

  it('tells changes only, one line each, where there is no terminal', () => {
    const first = changes(null, running, running.now);
    expect(first.some((line) => line.startsWith('parts.train succeeded in'))).toBe(true);
    expect(first.some((line) => /^search trial \d+ was preempted/.test(line))).toBe(true);
    expect(changes(running, running, running.now)).toEqual([]);
  });
});

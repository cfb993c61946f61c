/** Systems that are away, workers and workflows that are gone: somebody still ends, records and starts what is owed. */
import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { afterEach, describe, expect, it } from 'vitest';
import { toFailure } from '../../activities/failures.ts';
import { createSearchActivities } from '../../activities/search.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { documentOf } from './documents.ts';
import { until } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

/** A trial looks for its search after hours: within a second, then. */
const FACTOR = 10_000;

let harness: SearchHarness;
afterEach(() => harness.stop());

describe('a trial', () => {
  it('has its attempt ended before it fails for a permission', async () => {
    harness = await startSearchHarness('real');
    const ended: number[] = [];
    harness.world.end = async ({ attempt }) => {
      ended.push(attempt);
      return Promise.resolve({ verdict: 'stopped' });
    };
    harness.world.attempt = () => Promise.reject(ApplicationFailure.nonRetryable('bigquery.tables.updateData denied', 'AccessDenied'));
    const { status } = await (await harness.trial()).result();
    expect([status, ended]).toEqual(['failed', [1]]);
  });

  it('has its attempt ended and begins another one after an error that no one foresaw', async () => {
    harness = await startSearchHarness('real');
    const ended: number[] = [];
    harness.world.end = async ({ attempt }) => {
      ended.push(attempt);
      return Promise.resolve({ verdict: 'stopped' });
    };
    harness.world.attempt = ({ attempt }) =>
      attempt === 1 ? Promise.reject(toFailure(new RangeError('what is this'), activityInfo().attempt + 5)) : Promise.resolve({});
    const { status, carried } = await (await harness.trial()).result();
    expect([status, ended, carried.attempts]).toEqual(['succeeded', [1], 2]);
  });

  // On a real server: the one that skips time stands still for good where a workflow was terminated beside its activity.
  it('stops when its search is gone', async () => {
    harness = await startSearchHarness('real');
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked() });
    const search = await harness.search(specOf({ trials: 1, parallel: 1 }), undefined, { factor: FACTOR });
    await until(() => Promise.resolve(harness.running() === 1), 'the attempt');
    const id = (await search.query<SearchState>('state')).trials[0]?.workflowId ?? '';
    await search.terminate('by hand');
    const summary: unknown = await harness.client.workflow.getHandle(id).result();
    expect(summary).toMatchObject({ status: 'stopped', reason: expect.stringContaining('is gone') as string });
  });
});

describe('a search that has to continue as new while its ledger is away', () => {
  it('goes on to start trials, and tells the ledger later', async () => {
    // Stands for 4,096 events.
    const SUGGEST_AFTER = 120;
    let away = true;
    const recorded: number[] = [];
    const recordTrials = ({ rows }: { readonly rows: readonly { readonly trial?: unknown }[] }): Promise<void> => {
      if (away) return Promise.reject(ApplicationFailure.create({ message: 'away', type: 'Unavailable', nextRetryDelay: '1 second' }));
      recorded.push(...rows.map(({ trial }) => Number(trial)));
      return Promise.resolve();
    };
    harness = await startSearchHarness('real', ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGEST_AFTER}`], {
      recordTrials,
    });
    const ends = [0, 1].map(() => Promise.withResolvers<undefined>());
    harness.world.attempt = async ({ trial }) => {
      const end = ends[trial.trial];
      if (!end) return { verdict: await harness.stopAsked() };
      await Promise.race([end.promise, harness.stopAsked()]);
      return {};
    };
    const search = await harness.search(specOf({ trials: 4, parallel: 2 }));
    const now = harness.client.workflow.getHandle(search.workflowId);
    const began = (): number => harness.world.attempts.length;
    await until(() => Promise.resolve(began() === 2), 'two trials');
    ends[0]?.resolve(undefined);
    await until(() => Promise.resolve(began() === 3), 'trial 2');
    // The row of trial 0 waits for the ledger. The history grows meanwhile.
    while ((await now.describe()).historyLength < SUGGEST_AFTER + 10 && (await now.describe()).runId === search.firstExecutionRunId)
      await now.executeUpdate('set-parallelism', { args: [{ parallel: 2 }] });
    ends[1]?.resolve(undefined);
    await until(() => Promise.resolve(began() === 4), 'trial 3, while the ledger is away');
    away = false;
    await until(() => Promise.resolve(recorded.length === 2), 'the rows');
    expect(recorded.sort()).toEqual([0, 1]);
    await now.cancel();
    await now.result().catch(() => undefined);
  });
});

describe('a search that failed for an unforeseen reason, and is tried again by its step', () => {
  it('has outputs, ids and rows of its own', async () => {
    const ports = createMemoryPorts();
    const { recordTrials } = createSearchActivities(ports);
    harness = await startSearchHarness('real', [], { recordTrials });
    let asked = 0;
    harness.world.ask = async () => {
      asked += 1;
      // First life: trial 0 with 0.1, then the sampler breaks. Second life: 0.8 and 0.9.
      if (asked === 2) throw ApplicationFailure.nonRetryable('no module named torch', 'Unexpected');
      return Promise.resolve({ suggestions: [{ x: asked === 1 ? 0.1 : asked === 3 ? 0.8 : 0.9 }], exhausted: false, sampler: 'fake' });
    };
    const spec = specOf({ trials: 2, parallel: 1, output: 'file:///out/{key}' });
    const document = { ...documentOf([{ id: 'search', spec, retry: { attempts: 2, backoffSeconds: 0.1 } }]), profile: profileOf() };
    const { steps } = await (await harness.start(document)).result();
    expect(steps[0]?.outputs.best_objective).toBe(0.9);
    const rows = ports.rowsOf('trials').map(({ trial, objective }) => [trial, objective]);
    expect(rows).toEqual([
      [0, 0.1],
      [0, 0.8],
      [1, 0.9],
    ]);
    const [first, second] = harness.world.attempts;
    expect(second?.trial).toMatchObject({
      trial: 0,
      life: 'retry-2',
      output: `${first?.trial.output.replace('/trial-0', '')}/retry-2/trial-0`,
    });
  });
});

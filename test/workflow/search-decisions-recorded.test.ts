import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecisionActivities } from '../../activities/decisions.ts';
import type { RecordDecisionsInput } from '../../src/contract/decisions.ts';
import { AdapterError } from '../../src/contract/errors.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { specOf, startSearchHarness, type SearchHarness } from './search-harness.ts';

describe('decisions of people about a search', () => {
  const ports = createMemoryPorts();
  const { recordDecisions } = createDecisionActivities(ports);
  let tries = 0;
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real', [], {
      // A ledger that is away at first.
      recordDecisions: async (input: RecordDecisionsInput) => {
        tries += 1;
        if (tries === 1) throw new AdapterError('Unavailable', 'the ledger is away');
        await recordDecisions(input);
      },
    });
  });
  afterAll(() => harness.stop());

  it('are all in the ledger once it ends, with trial and details; refused ones changed nothing and are not', async () => {
    const stop = Promise.withResolvers<undefined>();
    harness.world.attempt = async () => {
      await stop.promise;
      return {};
    };
    const handle = await harness.search(specOf({ trials: 2, parallel: 1 }));
    await until(
      async () => (await handle.query<SearchState>('state')).trials.some(({ status }) => status === 'running'),
      'a trial that runs',
    );
    const update = (name: string, payload: object): Promise<unknown> => handle.executeUpdate(name, { args: [payload] });
    await update('set-parallelism', { parallel: 2, by: 'ada', why: 'in a hurry' });
    await update('keep-trial', { trial: 0, by: 'bob' });
    await expect(update('keep-trial', { trial: 7, by: 'eve' })).rejects.toThrow();
    await update('set-budget', { cost: 50 });
    stop.resolve(undefined);
    await handle.result();
    const rows = ports.rowsOf('decisions').sort((a, b) => a.time.localeCompare(b.time));
    expect(
      rows.map(({ step, trial, decision, by, how, why, outcome, details }) => [step, trial, decision, by, how, why, outcome, details]),
    ).toEqual([
      ['search', null, 'set-parallelism', 'ada', null, 'in a hurry', 'counted', '{"parallel":2}'],
      ['search', 0, 'keep-trial', 'bob', null, null, 'counted', '{}'],
      ['search', null, 'set-budget', 'unknown', null, null, 'counted', '{"cost":50}'],
    ]);
  });
});

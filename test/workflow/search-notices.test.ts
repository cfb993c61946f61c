import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNotificationActivities, type NotifyInput } from '../../activities/notifications.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from './environment.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

describe('a webhook that answers 500', () => {
  /** Of the next answers; the ones after them are 200. */
  const faults: number[] = [];
  const told: { status: number; text: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      const status = faults.shift() ?? 200;
      told.push({ status, text: (JSON.parse(body) as { text: string }).text });
      response.writeHead(status).end();
    });
  });
  let harness: SearchHarness;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const real = createNotificationActivities({ HOOK: url });
    harness = await startSearchHarness('real', [], { notify: (input: NotifyInput) => real.notify(input) });
  });
  afterAll(async () => {
    await harness.stop();
    server.close();
  });

  /** A search that reaches its budget, tells, and ends when that is waived. */
  async function searchThatAsks(): Promise<SearchState> {
    harness.world.attempt = async ({ attempt }) => (attempt === 1 ? { verdict: await harness.stopAsked() } : {});
    const profile = profileOf({
      pools: [{ name: 'spot', spot: true, pricePerHour: 1 }],
      notifications: [{ on: ['budget'], webhookEnv: 'HOOK' }],
    });
    const search = await harness.search(specOf({ trials: 1, parallel: 1, budget: { cost: 1e-9 } }), profile);
    await until(async () => (await search.query<SearchState>('state')).status === 'waiting', 'the search to ask');
    await search.executeUpdate('set-budget', { args: [{ cost: 1000 }] });
    expect((await search.result()).counts.succeeded).toBe(1);
    return search.query<SearchState>('state');
  }

  it('is told again until it takes the message, by a search that ends meanwhile', async () => {
    faults.push(500, 503);
    await searchThatAsks();
    expect(told.map(({ status }) => status)).toEqual([500, 503, 200]);
    expect(new Set(told.map(({ text }) => text)).size).toBe(1);
    expect(told[0]?.text).toMatch(/^\[p\] run-1\/search: /);
  });

  it('never fails the search, which says that no one was told', async () => {
    told.length = 0;
    faults.push(500, 500, 500, 500);
    const { decisions } = await searchThatAsks();
    expect(told.map(({ status }) => status)).toEqual([500, 500, 500, 500]);
    expect(decisions.map(({ text }) => text)).toContainEqual(expect.stringContaining('could not notify'));
  });
});

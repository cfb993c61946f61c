import { expect, it } from 'vitest';
import { serveHealth } from '../../workers/health.ts';

it('tells probes whether a worker takes tasks, goes down in order, or has failed', async () => {
  let state = 'RUNNING';
  const health = await serveHealth(() => state, '0');
  const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${health.port}${path}`)).status;
  const both = async (): Promise<number[]> => [await status('/livez'), await status('/readyz')];
  expect(await both()).toEqual([200, 200]);
  state = 'DRAINING';
  expect(await both()).toEqual([200, 503]);
  state = 'FAILED';
  expect(await both()).toEqual([503, 503]);
  await health.close();
});

it('listens only where it was asked to', async () => {
  expect((await serveHealth(() => 'RUNNING', '')).port).toBeNull();
});

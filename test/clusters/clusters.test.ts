/** One search over two real clusters: one is killed whole, one is cut off and comes back with what still ran there, one has no machines. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunCluster } from '../../deploy/dev-cluster/index.ts';
import { jobEndingWorkflowId } from '../../src/contract/ids.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { LOST_AFTER_SECONDS, openClustersLab } from './lab.ts';
import type { ClustersLab, Name } from './lab.ts';

const TRIALS = 3;
const LOOKS = { interval: 500 };
const able = await canRunCluster();
if (!able.ok) process.stderr.write(`skipped, the clusters suite: ${able.why}\n`);

describe.skipIf(!able.ok)('a search over two clusters', () => {
  let lab: ClustersLab;
  /** Bits of each trial when nothing happens. */
  let undisturbed: readonly string[];

  const trials = Array.from({ length: TRIALS }, (_, trial) => trial);
  const bits = async (run: string): Promise<string[]> => (await lab.results(run)).map(({ weightsSha256 }) => weightsSha256);

  beforeAll(async () => {
    lab = await openClustersLab(TRIALS);
    const calm = await lab.search('calm');
    expect((await calm.result()).counts).toMatchObject({ succeeded: TRIALS });
    undisturbed = await bits('calm');
    expect(new Set(undisturbed).size).toBe(TRIALS);
  });
  afterAll(() => lab.close());

  /** Each trial has a checkpoint of that attempt. */
  const haveSaved = (run: string, attempt: number): Promise<void> =>
    expect
      .poll(async () => Promise.all(trials.map(async (trial) => (await lab.latest(run, trial))?.attempt)), LOOKS)
      .toEqual(trials.map(() => attempt));
  const silent = async (run: string): Promise<string[]> => {
    const state = await lab.client.workflow.getHandle(`${run}/search`).query<SearchState>('state');
    return (state.clusters ?? []).map(({ name }) => name);
  };
  const swept = (run: string, attempt: number): Promise<unknown[]> =>
    Promise.all(
      trials.map((trial) =>
        lab.client.workflow.getHandle(jobEndingWorkflowId({ run, step: 'search', trial }, 'attempt', attempt)).result(),
      ),
    );

  /** Equal bits, nothing twice, and nothing that runs on in either. */
  const isWhole = async (run: string): Promise<void> => {
    expect(await bits(run)).toEqual(undisturbed);
    const points = (await lab.written('progress', run)).map((row) => JSON.stringify([row['trial' as never], row['n' as never]]));
    expect(points).toEqual([...new Set(points)]);
    const validations = (await lab.written('progress', run)).filter((row) => row['kind' as never] === 'validation');
    expect(validations).toHaveLength(TRIALS);
    const attempts = (await lab.attempts(run)).map(({ trial, attempt }) => `${String(trial)}-${String(attempt)}`);
    expect(attempts).toEqual([...new Set(attempts)]);
    for (const name of ['east', 'west'] as const) {
      expect((await lab.jobs(name, run)).filter(({ phase }) => phase !== 'ended')).toEqual([]);
      await expect.poll(async () => (await lab.pods(name, run)).filter((phase) => phase === 'Running'), LOOKS).toEqual([]);
    }
  };
  const rows = async (run: string): Promise<unknown[]> =>
    (await lab.attempts(run))
      .map(({ trial, attempt, pool, verdict }) => ({ trial, attempt, pool, verdict }))
      .sort((a, b) => Number(a.trial) - Number(b.trial) || Number(a.attempt) - Number(b.attempt));
  const moved = (from: Name, to: Name): unknown[] =>
    trials.flatMap((trial) => [
      { trial, attempt: 1, pool: from, verdict: 'preempted' },
      { trial, attempt: 2, pool: to, verdict: 'succeeded' },
    ]);

  it('goes on in the other one when one is killed whole, workers and all, and that one is swept when it is back', async () => {
    const search = await lab.search('killed');
    await haveSaved('killed', 1);
    const { east } = lab.clusters;
    await east.stopApiServer();
    await Promise.all([east.freeze('east-1'), lab.workers.east.stop()]);
    await haveSaved('killed', 2);
    expect(await silent('killed')).toEqual(['east']);
    expect((await search.result()).counts).toMatchObject({ succeeded: TRIALS });
    await east.startApiServer();
    await east.thaw('east-1');
    await lab.workers.east.start();
    await swept('killed', 1);
    expect(await rows('killed')).toEqual(moved('east', 'west'));
    await isWhole('killed');
    await lab.hasMachines('east');
  });

  it('fences what comes back with a cluster that was cut off', async () => {
    const search = await lab.search('cut-off');
    await haveSaved('cut-off', 1);
    lab.clusters.east.suspend();
    await haveSaved('cut-off', 2);
    // Its trainers think that nothing has happened, and train on beside the others.
    lab.clusters.east.resume();
    expect((await search.result()).counts).toMatchObject({ succeeded: TRIALS });
    await swept('cut-off', 1);
    expect(await rows('cut-off')).toEqual(moved('east', 'west'));
    for (const row of (await lab.attempts('cut-off')).filter(({ attempt }) => attempt === 1))
      expect(row).toMatchObject({ node: 'east-1', cause: `cluster east does not answer for ${LOST_AFTER_SECONDS} s` });
    await isWhole('cut-off');
    await lab.hasMachines('east');
  });

  it('has its machines in the second one where the first has none', async () => {
    await lab.clusters.east.kubectl(['cordon', 'east-1']);
    const search = await lab.search('elsewhere');
    expect((await search.result()).counts).toMatchObject({ succeeded: TRIALS });
    await lab.clusters.east.uncordon('east-1');
    expect(await rows('elsewhere')).toEqual(
      trials.flatMap((trial) => [
        { trial, attempt: 1, pool: 'east', verdict: 'no-capacity' },
        { trial, attempt: 2, pool: 'west', verdict: 'succeeded' },
      ]),
    );
    await isWhole('elsewhere');
  });
});

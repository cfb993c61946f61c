/** A trial on real pods that loses its machine twice ends with the very model of the undisturbed one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { followJobs } from '../../src/cli/follow-jobs.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { podOf } from '../../src/adapters/kubernetes/pods.ts';
import { attemptJobName, capacityJobName, homeOf } from '../../src/contract/ids.ts';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import { clusterCanRun, kubernetesConfig, sharedCluster } from './harness.ts';
import { openTrialLab } from './trial-lab.ts';
import type { TrialLab } from './trial-lab.ts';

const NAMESPACE = 'preempted-trial';
const PATIENCE = { interval: 200 };

describe.skipIf(!clusterCanRun())('a trial on spot nodes', () => {
  let cluster: Cluster;
  let lab: TrialLab;

  beforeAll(async () => {
    cluster = sharedCluster();
    lab = await openTrialLab(cluster, { namespace: NAMESPACE, pools: ['spot', 'on-demand'] });
  });
  afterAll(async () => {
    await lab.close();
  });

  let calmOne: Promise<TrialSummary> | undefined;
  /** The undisturbed trial, trained once for all tests. */
  const calm = (): Promise<TrialSummary> => (calmOne ??= lab.start('calm').then((handle) => handle.result()));
  const client = () => openClient(kubernetesConfig(cluster, NAMESPACE));
  const job = (run: string, attempt: number): string => attemptJobName({ home: homeOf(lab.store.root), run, step: 'search' }, 0, attempt);
  const heard = (run: string, attempt: number): Promise<void> =>
    expect
      .poll(async () => (await lab.records(run)).some((record) => record.attempt === attempt && record.kind !== 'start'), PATIENCE)
      .toBe(true);
  /** The attempt has told of something that it trained, and may not have committed it yet: what is evicted then loses nothing. */
  const trains = (run: string, attempt: number): Promise<void> =>
    expect
      .poll(async () => {
        const own = (await lab.records(run)).filter((record) => record.attempt === attempt);
        const from = own.find(({ kind }) => kind === 'start')?.samples ?? 0;
        return own.some(({ kind, samples }) => ['train', 'validation', 'checkpoint'].includes(kind) && samples > from);
      }, PATIENCE)
      .toBe(true);
  const evict = async (run: string, attempt: number): Promise<void> => {
    const name = (await podOf(client(), job(run, attempt)))?.metadata?.name ?? '';
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } };
    await client().request('POST', `${client().podsPath(name)}/eviction`, { body });
  };

  it('ends with the same bits, whatever happened on the way, and its log is followed throughout', async () => {
    const undisturbed = await calm();
    expect(undisturbed).toMatchObject({ status: 'succeeded', carried: { attempts: 1, preemptions: 0 } });

    const stormy = await lab.start('stormy');
    const lines: { job: string; line: string }[] = [];
    let over = false;
    const following = followJobs(
      lab.compute,
      'stormy',
      { choose: (jobs) => jobs, over: () => Promise.resolve(over), signal: new AbortController().signal },
      ({ job: { name }, line }) => lines.push({ job: name, line }),
    );
    await trains('stormy', 1);
    await evict('stormy', 1);
    await trains('stormy', 2);
    await evict('stormy', 2);
    const disturbed = await stormy.result();
    over = true;
    await following;

    expect(disturbed).toMatchObject({ status: 'succeeded', carried: { attempts: 3, preemptions: 2 } });
    expect(disturbed.weightsSha256).toBe(undisturbed.weightsSha256);
    expect(disturbed.objective).toBe(undisturbed.objective);
    // Each attempt began where the last one had committed its work: nothing was trained twice.
    const starts = (await lab.records('stormy')).filter(({ kind }) => kind === 'start').map(({ samples }) => samples);
    expect(starts).toHaveLength(3);
    expect(starts[1]).toBeGreaterThan(0);
    expect(starts[2]).toBeGreaterThan(starts[1] ?? 0);
    expect(new Set(lines.map((each) => each.job))).toEqual(new Set([1, 2, 3].map((attempt) => job('stormy', attempt))));
  });

  it('trains on demand while there is no spot machine, and moves to one that comes, with the same bits', async () => {
    const undisturbed = await calm();
    const placement = { ...lab.profile.placement, noCapacitySeconds: 2, retrySpotSeconds: 1 };
    const [spot, ...others] = lab.profile.pools;
    const pools = [{ ...spot!, nodeSelector: { pool: 'spot', late: 'yes' } }, ...others];
    // Slow enough to be met while it trains; the steps are the same.
    const { compute } = lab.profile;
    const env = { ...(compute.kind === 'kubernetes' ? compute.env : {}), LONGHAUL_STEP_DELAY_SECONDS: '0.1' };
    const profile = { ...lab.profile, compute: { ...compute, env } as typeof compute, pools, placement };
    const moving = await lab.start('moving', { profile });
    // At its first sign of life: it must not be at its end when the machine comes.
    await heard('moving', 2);
    const look = capacityJobName({ home: homeOf(lab.store.root), run: 'moving', step: 'search' }, 0, 2, 0);
    const jobs = async (): Promise<string[]> => (await lab.compute.list({ run: 'moving' })).map(({ name, phase }) => `${name} ${phase}`);
    await expect.poll(jobs, PATIENCE).toContain(`${look} pending`);
    await cluster.kubectl(['label', 'node', 'spot-1', 'late=yes']);
    const moved = await moving.result();
    await cluster.kubectl(['label', 'node', 'spot-1', 'late-']);

    expect(moved).toMatchObject({ status: 'succeeded', carried: { attempts: 3, preemptions: 0 } });
    expect(moved.weightsSha256).toBe(undisturbed.weightsSha256);
    const starts = (await lab.records('moving'))
      .filter(({ kind }) => kind === 'start')
      .map(({ attempt, samples }) => [attempt, samples > 0]);
    expect(starts).toEqual([
      [2, false],
      [3, true],
    ]);
    expect((await jobs()).filter((job) => job.startsWith(look))).toEqual([]);
  });

  it('leaves no Job behind when it is cancelled, and lets the trainer commit first', async () => {
    const handle = await lab.start('cancelled');
    await trains('cancelled', 1);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ status: 'cancelled' });
    expect((await lab.compute.list({ run: 'cancelled' })).filter(({ phase }) => phase !== 'ended')).toEqual([]);
    expect(await podOf(client(), job('cancelled', 1)).then((pod) => pod?.status?.phase)).not.toBe('Running');
    expect(await lab.latest('cancelled')).toMatchObject({ attempt: 1, reason: 'sigterm' });
  });
});

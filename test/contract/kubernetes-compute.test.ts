/** The contract of `Compute` on a stand-in for a cluster, and once more with attempts that are older than every patience. */
import { describe, expect, it } from 'vitest';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { KubernetesComputeOptions } from '../../src/adapters/kubernetes/index.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { StandIn } from '../support/kubernetes/server.ts';
import { until } from '../workflow/environment.ts';
import { computeContract } from './compute.contract.ts';
import type { OpenedCompute } from './compute.contract.ts';

async function open(standIn: StandIn, options: KubernetesComputeOptions): Promise<OpenedCompute> {
  let pools = 0;
  return Promise.resolve({
    connect: () => openKubernetesCompute(standIn.config, options),
    job: {},
    closedPool: () => {
      const pool = `closed-${++pools}`;
      standIn.controllers.closedPools.add(pool);
      return Promise.resolve({
        pool: { name: pool, spot: false, pricePerHour: 0, nodeSelector: { pool }, tolerations: [] },
        message: /0\/1 nodes are available.*node affinity\/selector/,
        open: () => {
          standIn.controllers.open(pool);
          return Promise.resolve();
        },
      });
    },
    image: /sha256:[0-9a-f]{64}$/,
    close: () => standIn.close(),
  });
}

computeContract('kubernetes, stood in for', async () => open(await startStandIn(), {}));

describe('older than every patience', () => {
  computeContract('kubernetes, stood in for, with no patience left', async () =>
    open(await startStandIn({ podEndMs: 500 }), { patience: { startingSeconds: 0, recoverySeconds: 0, queueSeconds: 0 } }),
  );
});

it('tells of exit code 0, where that says all, before the kubelet has told of the pod, and asks nothing of it', async () => {
  const standIn = await startStandIn({ podEndMs: 3_600_000 });
  const compute = await openKubernetesCompute(standIn.config);
  try {
    await compute.create({
      ...{ name: 'done', labels: { pipeline: 'p', run: 'r', step: 's', attempt: '1' }, command: ['true'], env: {} },
      ...{ resources: { cpu: 0.1, memoryMb: 64, gpu: 0 }, graceSeconds: 1 },
      pool: { name: 'pool', spot: false, pricePerHour: 0, nodeSelector: {}, tolerations: [] },
    });
    const options = { signal: new AbortController().signal, noCapacitySeconds: 600, zeroIsSuccess: true };
    expect(await compute.watch('done', options)).toMatchObject({ state: 'succeeded', exitCode: 0, lingering: null, logTail: '' });
    expect(standIn.controllers.podOf('done')?.status['phase']).toBe('Running');
    expect(standIn.asked.map(({ what }) => what)).not.toContain('GET pods/log');
  } finally {
    await compute.close();
    await standIn.close();
  }
});

it('leaves no Job of several pods behind whose Service is refused, also where Jobs of one pod were made before', async () => {
  const standIn = await startStandIn();
  const compute = await openKubernetesCompute(standIn.config);
  try {
    const job = (name: string, nodes: number): JobSpec => ({
      ...{ name, nodes, labels: { pipeline: 'p', run: 'r', step: 's', attempt: name }, command: ['sleep', '60'], env: {} },
      ...{ resources: { cpu: 0.1, memoryMb: 64, gpu: 0 }, graceSeconds: 1 },
      pool: { name: 'pool', spot: false, pricePerHour: 0, nodeSelector: {}, tolerations: [] },
    });
    const names = (): string[] => standIn.objects.list('jobs').map(({ metadata }) => metadata.name);
    await compute.create(job('one', 1));
    standIn.fault = ({ what }) => (what === 'PATCH services' ? 403 : null);
    await expect(compute.create(job('several', 2))).rejects.toMatchObject({ type: 'AccessDenied' });
    await until(async () => Promise.resolve(!names().includes('several')), 'the Job to go');
    standIn.fault = ({ what }) => (what === 'PATCH services' ? 503 : null);
    await expect(compute.create(job('later', 2))).rejects.toMatchObject({ type: 'Unavailable' });
    standIn.fault = null;
    expect(await compute.create(job('later', 2))).toMatchObject({ adopted: true });
    expect(names().sort()).toEqual(['later', 'one']);
  } finally {
    await compute.close();
    await standIn.close();
  }
});

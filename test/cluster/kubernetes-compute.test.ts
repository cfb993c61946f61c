import { afterAll, beforeAll, describe } from 'vitest';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { computeContract } from '../contract/compute.contract.ts';
import { clusterCanRun, kubernetesConfig, makeNamespace, poolOf, removeNamespace, sharedCluster } from './harness.ts';

const NAMESPACE = 'compute-contract';
/** The development cluster's machines. */
const NO_GPUS = { gpus: false };

describe.skipIf(!clusterCanRun())('on a cluster', () => {
  beforeAll(async () => {
    await makeNamespace(sharedCluster(), NAMESPACE);
  });
  afterAll(async () => {
    await removeNamespace(sharedCluster(), NAMESPACE);
  });

  computeContract(
    'kubernetes',
    () => {
      const cluster = sharedCluster();
      let pools = 0;
      const relabel = async (pool: string): Promise<void> => {
        await cluster.kubectl(['label', 'node', 'on-demand-1', `pool=${pool}`, '--overwrite']);
      };
      return Promise.resolve({
        connect: () => openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE)),
        job: {},
        closedPool() {
          const label = `closed-${++pools}`;
          return Promise.resolve({
            pool: poolOf(label),
            message: /0\/\d+ nodes are available.*node affinity\/selector/,
            open: () => relabel(label),
          });
        },
        startSeconds: 20,
        image: /sha256:[0-9a-f]{64}$/,
        close: () => relabel('on-demand'),
      });
    },
    NO_GPUS,
  );
});

import { afterAll, beforeAll, describe } from 'vitest';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { computeContract } from '../contract/compute.contract.ts';
import { clusterCanRun, kubernetesConfig, makeNamespace, poolOf, removeNamespace, sharedCluster } from './harness.ts';

const NAMESPACE = 'compute-contract';
/** The development cluster's machines. */
const HERE = { gpus: false, sideBySide: true };

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
      const label = async (...labels: readonly string[]): Promise<void> => {
        await cluster.kubectl(['label', 'node', 'on-demand-1', ...labels]);
      };
      return Promise.resolve({
        connect: () => openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE)),
        job: {},
        closedPool() {
          const pool = `closed-${++pools}`;
          return Promise.resolve({
            pool: poolOf('on-demand', { nodeSelector: { [pool]: 'open' } }),
            message: /0\/\d+ nodes are available.*node affinity\/selector/,
            open: () => label(`${pool}=open`),
          });
        },
        image: /sha256:[0-9a-f]{64}$/,
        close: () => label(...Array.from({ length: pools }, (_, at) => `closed-${at + 1}-`)),
      });
    },
    HERE,
  );
});

/** The contract of `Compute` on a stand-in for a cluster, and once more with attempts that are older than every patience. */
import { describe } from 'vitest';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { KubernetesComputeOptions } from '../../src/adapters/kubernetes/index.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { StandIn } from '../support/kubernetes/server.ts';
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
    startSeconds: 5,
    image: /sha256:[0-9a-f]{64}$/,
    close: () => standIn.close(),
  });
}

computeContract('kubernetes, stood in for', async () => open(await startStandIn(), {}));

describe('older than every patience', () => {
  computeContract('kubernetes, stood in for, with no patience left', async () =>
    open(await startStandIn({ podEndMs: 500 }), { patience: { startingSeconds: 0, mendingSeconds: 0, queueSeconds: 0 } }),
  );
});

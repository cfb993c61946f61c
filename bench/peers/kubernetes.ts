/** Kubernetes' own Job controller on a real API server, with the simulated machines of the scale bench: pods that end as soon as they run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startCluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { TRIAL_ENVIRONMENT } from '../../src/contract/names.ts';
import { makeNamespace } from '../../test/cluster/harness.ts';
import { percentile } from '../recovery/statistics.ts';
import { SimulatedMachines } from '../scale/simulated-machines.ts';
import { JobEnds } from './job-ends.ts';

const NAMESPACE = 'jobs';
const STEPS = 20;
const TRIALS = 100;
const ROUNDS = 3;
const FINISH_MS = 5;

const folder = mkdtempSync(join(tmpdir(), 'longhaul-jobs-'));
const cluster = await startCluster({ dir: join(folder, 'cluster'), nodes: [], timing: { nodeMonitorGrace: 60 } });
try {
  await makeNamespace(cluster, NAMESPACE);
  const client = openClient({ namespace: NAMESPACE, kubeconfig: cluster.kubeconfig });
  const machines = await SimulatedMachines.boot(client, TRIALS, {});
  const finishing = setInterval(() => machines.finish(), FINISH_MS);
  const ends = new JobEnds(client);
  try {
    const chain = await medianOf(async (round) => {
      for (let step = 0; step < STEPS; step++) await runJob(client, ends, `chain-${round}-${step}`);
    });
    const fanOut = await medianOf(async (round) => {
      await Promise.all(Array.from({ length: TRIALS }, (_, trial) => runJob(client, ends, `fan-out-${round}-${trial}`)));
    });
    process.stdout.write(`${JSON.stringify({ step_ms: chain / STEPS, trial_ms: fanOut / TRIALS })}\n`);
  } finally {
    clearInterval(finishing);
    await ends.close();
    await machines.shutDown();
  }
} finally {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function medianOf(play: (round: number) => Promise<void>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now();
    await play(round);
    // The first one warms everything up.
    if (round > 0) rounds.push(performance.now() - began);
  }
  return percentile(rounds, 0.5);
}

async function runJob(client: KubeClient, ends: JobEnds, name: string): Promise<void> {
  const env = Object.entries({ [TRIAL_ENVIRONMENT.output]: pathToFileURL(join(folder, name)).href, [TRIAL_ENVIRONMENT.attempt]: '1' });
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const container = { name: 'main', image: 'simulated', env: env.map(([key, value]) => ({ name: key, value })), securityContext };
  const spec = {
    restartPolicy: 'Never',
    securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
  };
  const body = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { backoffLimit: 0, template: { spec } } };
  const ended = ends.of(name);
  await client.request('POST', client.jobsPath(), { body });
  await ended;
}

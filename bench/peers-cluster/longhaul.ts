/** Longhaul: a run of container steps, with the control and the training worker as processes of their own beside the cluster. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { RunDocument } from '../../src/contract/run-document.ts';
import { createSupervisor } from '../../src/stack/supervisor.ts';
import { freePort } from '../../src/stack/tcp.ts';
import { temporalServer, untilServing } from '../../src/stack/temporal-server.ts';
import type { trainingPipeline } from '../../workflows/index.ts';
import { startWorker } from '../scale/workers.ts';
import { Pods } from './pods.ts';
import { GRACE_SECONDS, NOTHING, POOL, RESOURCES, USER } from './way.ts';
import type { Way } from './way.ts';

interface Longhaul {
  readonly ways: readonly Way[];
  /** Requests of the training worker to the API server so far. */
  readonly requests: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** Where runs go: a namespace, and a queue of Kueue in it. */
export interface Place extends Pick<Way, 'name' | 'client'> {
  readonly queue?: string;
}

/** @param folder for Temporal's file, the store, the ledger and the workers' logs */
export async function openLonghaul(folder: string, places: readonly Place[], kubeconfig: string): Promise<Longhaul> {
  const supervisor = createSupervisor(() => undefined);
  const ports = { temporal: await freePort(), ui: await freePort() };
  const server = supervisor.start(temporalServer(folder, ports));
  const address = `127.0.0.1:${ports.temporal}`;
  await untilServing(address, 'default', server.ready);
  const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default', LONGHAUL_LOG_LEVEL: 'warn' };
  const workers = await Promise.all([startWorker('control', folder, environment), startWorker('training', folder, environment)]);
  const connection = await Connection.connect({ address });
  const temporal = new Client({ connection });
  const run = (name: string, document: RunDocument) =>
    temporal.workflow.start<typeof trainingPipeline>(WORKFLOWS.trainingPipeline, {
      taskQueue: TASK_QUEUES.control,
      workflowId: name,
      args: [document],
    });
  const wayOf = (place: Place): Way => {
    const { name: way, client } = place;
    const pods = new Pods(client);
    const documentOf = (steps: number, command: readonly string[], isChain: boolean): RunDocument =>
      document(folder, place, kubeconfig, { steps, command, isChain });
    return {
      name: way,
      client,
      pods,
      chain: async (name, steps) => {
        const handle = await run(`${way}-${name}`, documentOf(steps, NOTHING, true));
        const { status } = await handle.result();
        if (status !== 'succeeded') throw new Error(`the run ${name} ended as ${status}`);
        const { startTime, closeTime } = await handle.describe();
        return ((closeTime?.getTime() ?? 0) - startTime.getTime()) / steps;
      },
      start: async (name, steps, command) => {
        const handle = await run(`${way}-${name}`, documentOf(steps, command, false));
        const ended = handle.result();
        ended.catch(() => undefined);
        return {
          ended,
          end: async () => {
            await handle.cancel();
            await ended.catch(() => undefined);
            await client.request('DELETE', client.jobsPath(), { body: { propagationPolicy: 'Background' } });
            await pods.gone();
          },
        };
      },
    };
  };
  const ways = places.map(wayOf);
  return {
    ways,
    requests: async () => (await workers[1].ask()).requests,
    close: async () => {
      await Promise.all(ways.map(({ pods }) => pods.close()));
      await connection.close();
      await Promise.all(workers.map((worker) => worker.stop()));
      await server.stop();
      supervisor.close();
    },
  };
}

interface Wanted {
  readonly steps: number;
  readonly command: readonly string[];
  /** One after the other, or all at once. */
  readonly isChain: boolean;
}

function document(folder: string, { client, queue }: Place, kubeconfig: string, { steps, command, isChain }: Wanted): RunDocument {
  const nonce = randomUUID();
  return RunDocument.parse({
    schemaVersion: 1,
    pipeline: 'noop',
    profileName: 'cluster',
    profile: {
      warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
      storage: { kind: 'directory', path: join(folder, 'store') },
      compute: {
        kind: 'kubernetes',
        namespace: client.namespace,
        ...(queue === undefined ? {} : { queue }),
        kubeconfig,
        image: BUSYBOX_IMAGE,
        podTemplate: { spec: { securityContext: { runAsUser: USER } } },
      },
      pools: [{ name: 'spot', spot: true, pricePerHour: 1, nodeSelector: POOL, graceSeconds: GRACE_SECONDS }],
    },
    steps: Array.from({ length: steps }, (_, index) => ({
      id: `step-${index}`,
      dependsOn: isChain && index > 0 ? [`step-${index - 1}`] : [],
      spec: {
        kind: 'container',
        image: BUSYBOX_IMAGE,
        command,
        resources: RESOURCES,
        // New content each time, so that nothing is taken from the cache.
        inputs: { nonce, index },
        output: `file://${folder}/store/out-{key}`,
      },
    })),
    source: { file: 'noop.yaml', commit: null, dirty: false },
    hash: nonce,
  });
}

/** What the interpreter of a pipeline costs: a chain of no-op steps beside the same activities in a bare workflow, on one server and one worker. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRunActivities } from '../../activities/runs.ts';
import type { StepJobEnd } from '../../activities/step-job-contract.ts';
import { createStepActivities } from '../../activities/steps.ts';
import { temporalServer, untilServing } from '../../src/stack/temporal-server.ts';
import { createSupervisor } from '../../src/stack/supervisor.ts';
import { freePort } from '../../src/stack/tcp.ts';
import { TASK_QUEUES } from '../../src/contract/names.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { noopDocument } from './noop.ts';

const STEPS = 20;
const ROUNDS = 7;

interface Overhead {
  readonly per_step_ms: number;
  readonly bare_per_step_ms: number;
  readonly ratio: number;
}

/** @param folder for the server's file, the store and the ledger */
export async function measureOverhead(folder: string): Promise<Overhead> {
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const supervisor = createSupervisor(() => undefined);
  const ports = { temporal: await freePort(), ui: await freePort() };
  const server = supervisor.start(temporalServer(folder, ports));
  try {
    const address = `127.0.0.1:${ports.temporal}`;
    await untilServing(address, 'default', server.ready);
    return await onServer(address, folder);
  } finally {
    await server.stop();
    supervisor.close();
  }
}

async function onServer(address: string, folder: string): Promise<Overhead> {
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  const ports = openPorts();
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, 'workflows.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  const noop = async (): Promise<StepJobEnd> => ({
    verdict: 'succeeded',
    cause: 'finished',
    job: 'none',
    image: null,
    outputs: {},
    cost: 0,
    logTail: '',
  });
  const activities = { ...createRunActivities(ports), ...createStepActivities(ports), runStepJob: noop };
  const workers = [
    await Worker.create({ connection, taskQueue: TASK_QUEUES.control, workflowBundle, activities }),
    await Worker.create({ connection, taskQueue: TASK_QUEUES.training, activities }),
  ];
  const running = workers.map((worker) => worker.run());
  const client = new Client({ connection: clientConnection });
  try {
    const timed = async (workflow: string): Promise<number> => {
      const handle = await client.workflow.start(workflow, {
        taskQueue: TASK_QUEUES.control,
        workflowId: `bench-${randomUUID()}`,
        args: [noopDocument(folder, STEPS)],
      });
      await handle.result();
      const { startTime, closeTime } = await handle.describe();
      return ((closeTime?.getTime() ?? 0) - startTime.getTime()) / STEPS;
    };
    await timed('bare');
    await timed('trainingPipeline');
    const bare: number[] = [];
    const pipeline: number[] = [];
    // In turns, so that a slow moment of the machine hits both.
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await timed('bare'));
      pipeline.push(await timed('trainingPipeline'));
    }
    const [perStep, barePerStep] = [median(pipeline), median(bare)];
    return { per_step_ms: round(perStep), bare_per_step_ms: round(barePerStep), ratio: round(perStep / barePerStep) };
  } finally {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await ports.close();
    await connection.close();
    await clientConnection.close();
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const round = (value: number): number => Math.round(value * 100) / 100;

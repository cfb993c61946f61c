/** Where payloads are encrypted, Temporal cannot read what a failure says either: it holds the end of a log. */
import { randomBytes } from 'node:crypto';
import { Client, type WorkflowFailedError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRunActivities } from '../../activities/runs.ts';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import { createStepActivities } from '../../activities/steps.ts';
import { dataConverterOf } from '../../src/codec/encryption.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import { documentOf, script } from './documents.ts';
import { namespaceOf, startServer } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

const PRINTED = 'KeyError: no customer erika.mustermann@example.com';

describe('the history of a run that failed', () => {
  const ports = createMemoryPorts();
  const dataConverter = dataConverterOf({ LONGHAUL_ENCRYPTION_KEYS: `one=${randomBytes(32).toString('base64')}` });
  let environment: Awaited<ReturnType<typeof startServer>>;
  let workers: Worker[];
  let running: Promise<void>[];
  beforeAll(async () => {
    environment = await startServer('real');
    const activities = { ...createRunActivities(ports), ...createStepActivities(ports), ...createStepJobActivities(ports) };
    const common = { connection: environment.nativeConnection, namespace: namespaceOf(environment), dataConverter, activities };
    workers = [
      await Worker.create({ ...common, taskQueue: TASK_QUEUES.control, workflowBundle: await workflowBundle({ sealed: true }) }),
      await Worker.create({ ...common, taskQueue: TASK_QUEUES.training }),
    ];
    running = workers.map((worker) => worker.run());
  });
  afterAll(async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await environment.teardown();
  });

  it('tells nothing of it without the keys, and all of it with them', async () => {
    ports.onJob = async () => Promise.resolve({ state: 'failed', exitCode: 1, logTail: `reads\n${PRINTED}\n` });
    const client = new Client({
      connection: environment.connection,
      namespace: namespaceOf(environment),
      ...(dataConverter ? { dataConverter } : {}),
    });
    const run = await client.workflow.start(WORKFLOWS.trainingPipeline, {
      taskQueue: TASK_QUEUES.control,
      workflowId: 'sealed',
      args: [documentOf([script('train', { retry: { attempts: 1 } })])],
    });
    const error: unknown = await run.result().catch((failure: unknown) => failure);
    expect((error as WorkflowFailedError).cause?.message).toContain(PRINTED);
    const { events } = await environment.client.workflow.getHandle('sealed').fetchHistory();
    const text = JSON.stringify(events);
    const decoded = JSON.stringify(events, (_key, value: unknown) =>
      typeof value === 'string' && /^[A-Za-z0-9+/=]{16,}$/.test(value) ? Buffer.from(value, 'base64').toString() : value,
    );
    expect(text).toContain('Encoded failure');
    expect(text + decoded).not.toContain('erika.mustermann');
  });
});

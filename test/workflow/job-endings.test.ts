/** With no training worker for longer than anybody waits, what was to end its Job goes on, and the Job is still somebody's until a worker comes. */
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StepJobName } from '../../activities/step-job-contract.ts';
import { jobEndingWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { AttemptInput, CapacityInput } from '../../src/contract/attempts.ts';
import { documentOf, script } from './documents.ts';
import type { trial as trialWorkflow } from '../../workflows/index.ts';
import { namespaceOf, startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { profileOf, SPOT_AND_ON_DEMAND, trialInputOf } from './search-harness.ts';

const CLUSTER = 'away';

const bundle = (): Promise<WorkflowBundleOption> =>
  bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, '..', '..', 'workflows', 'index.ts'),
    workflowInterceptorModules: [join(import.meta.dirname, 'short-patience.ts')],
    logger: new DefaultLogger('ERROR'),
  });

describe('a Job that no worker could be told to end', () => {
  let harness: Harness;
  let ended: string[] = [];
  beforeAll(async () => {
    harness = await startHarness(createMemoryPorts(), 'real', {}, [], bundle);
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    ended = [];
  });

  /** The worker of that cluster, which comes back at last. It fails at first, as one does whose API server is away too. */
  async function workerComes(work: () => Promise<unknown>): Promise<void> {
    const fails = new Set<string>();
    const end = async (name: string): Promise<void> => {
      if (!fails.has(name)) {
        fails.add(name);
        return Promise.reject(new Error('connect ECONNREFUSED'));
      }
      ended.push(name);
      return Promise.resolve();
    };
    const worker = await Worker.create({
      connection: harness.environment.nativeConnection,
      namespace: namespaceOf(harness.environment),
      taskQueue: `${TASK_QUEUES.training}-${CLUSTER}`,
      activities: {
        endAttempt: async ({ attempt }: AttemptInput) => {
          await end(`attempt ${attempt}`);
          return null;
        },
        forgetCapacity: ({ pool }: CapacityInput) => end(`capacity ${pool.name}`),
        removeStepJob: ({ step, attempt }: StepJobName) => end(`step ${step} ${attempt}`),
      },
    });
    await worker.runUntil(work);
  }

  it.each(['stop', 'cancel'] as const)('of a trial is ended after a %s by the worker that comes next', async (how) => {
    const run = `left-${how}`;
    const input = trialInputOf(run, { parameters: {}, profile: profileOf({ cluster: CLUSTER }) });
    const trial = await harness.client.workflow.start<typeof trialWorkflow>(WORKFLOWS.trial, {
      taskQueue: TASK_QUEUES.control,
      workflowId: trialWorkflowId(run, 'search', 0),
      args: [input],
    });
    await until(async () => (await trial.describe()).raw.pendingActivities?.length, 'the attempt to be asked for');
    if (how === 'stop') await trial.signal('stop', { reason: 'poor' });
    else await trial.cancel();
    const summary = await trial.result();
    expect(summary.status).toBe(how === 'stop' ? 'stopped' : 'cancelled');
    const ending = harness.client.workflow.getHandle(jobEndingWorkflowId({ run, step: 'search', trial: 0 }, 'attempt', 1));
    expect((await ending.describe()).status.name).toBe('RUNNING');
    await workerComes(() => ending.result());
    expect(ended).toEqual(['attempt 1']);
  });

  it('of a step is ended after its run was cancelled', async () => {
    const document = { ...documentOf([script('prepare')]), profile: profileOf({ cluster: CLUSTER }) };
    const run = await harness.start(document, 'left');
    await until(
      async () => (await run.describe()).raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'runStepJob'),
      'the Job',
    );
    await run.cancel();
    await expect(run.result()).rejects.toThrow('Workflow execution cancelled');
    const ending = harness.client.workflow.getHandle(jobEndingWorkflowId({ run: 'left', step: 'prepare' }, 'step', 1));
    await workerComes(() => ending.result());
    expect(ended).toEqual(['step prepare 1']);
  });

  it('that looks for a machine is ended as well', async () => {
    const profile = profileOf({ ...SPOT_AND_ON_DEMAND, cluster: CLUSTER });
    const handle = await harness.client.workflow.start(WORKFLOWS.jobEnding, {
      taskQueue: TASK_QUEUES.control,
      workflowId: 'look',
      args: [{ kind: 'capacity', input: { trial: { profile }, attempt: 2, memoryMb: 1, pool: profile.pools[0] } }],
    });
    await workerComes(() => handle.result());
    expect(ended).toEqual(['capacity spot']);
  });
});

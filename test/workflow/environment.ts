/** A Temporal server of a test's own, with workers for all queues of a run. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, ConnectionOptions, WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import proto from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { createDecisionActivities } from '../../activities/decisions.ts';
import { createExportActivities } from '../../activities/exports.ts';
import { createNotificationActivities } from '../../activities/notifications.ts';
import { createQueryActivities } from '../../activities/queries.ts';
import { createRunActivities } from '../../activities/runs.ts';
import { createScriptActivities } from '../../activities/scripts.ts';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import { createStepActivities } from '../../activities/steps.ts';
import { createWarehouseJobActivities } from '../../activities/warehouse-jobs.ts';
import { tryAgainWhileOpen } from '../../src/client/closed-connection.ts';
import { Longhaul } from '../../src/client/index.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { queueOf, type Team } from '../../src/contract/teams.ts';
import type { RunResult } from '../../src/contract/state.ts';
import type { Ports } from '../../src/ports/index.ts';
import { registerSearchAttributes } from '../../workers/connection.ts';
import { cacheDirectory } from '../../bin/setup-tools.mjs';
import { workflowBundle } from '../../workers/workflow-bundle.ts';

export interface Harness {
  readonly client: Client;
  readonly environment: TestWorkflowEnvironment;
  start(
    document: RunDocument,
    name?: string,
  ): Promise<WorkflowHandleWithFirstExecutionRunId<(document: RunDocument) => Promise<RunResult>>>;
  stop(): Promise<void>;
}

/** Of whose workers a harness is made. */
export interface HarnessPlace {
  readonly team?: Team;
  /** Shares the server of this one, which is to be stopped later. */
  readonly beside?: Harness;
  /** Workflows in threads of their own, as in production. Without, they take a fifth less of the processors. */
  readonly threads?: boolean;
}

/** They only wait; more than the largest search of a test has. */
const MAX_ATTEMPTS = 500;

/** Where processes that are started from now on find the development server that serves them all. */
const SHARED_SERVER = 'LONGHAUL_TEST_TEMPORAL';
const DAY_SECONDS = 86_400;
/** Against hanging for ever; how quick it is, a bench says. A little less than the runner's own limit, so that the words are told. */
const PATIENCE_SECONDS = 570;

let installed = false;

/** What a test still asks when its server goes ends, as it does on a connection of Longhaul's client: tried again it would fail another test. */
const plugins = [
  {
    name: 'ends-calls-when-closed',
    configureConnection: (options: ConnectionOptions): ConnectionOptions => ({ ...options, interceptors: [tryAgainWhileOpen] }),
  },
];

const localServer = (extraArgs: string[] = []): Promise<TestWorkflowEnvironment> =>
  whenever(() =>
    TestWorkflowEnvironment.createLocal({
      plugins,
      server: { executable: { type: 'existing-path', path: temporalBinary('temporal') }, extraArgs },
    }),
  );

/** The SDK waits five seconds for a server that it starts; a busy machine needs more, and less when the program is in memory. */
async function whenever(start: () => Promise<TestWorkflowEnvironment>): Promise<TestWorkflowEnvironment> {
  for (const end = Date.now() + PATIENCE_SECONDS * 1000; ;)
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('did not start within') || Date.now() > end) throw error;
    }
}

/** For this process and those that it starts: a namespace takes a tenth of what a server takes. @returns what ends it */
export async function serveTemporal(): Promise<() => Promise<void>> {
  const server = await localServer();
  process.env[SHARED_SERVER] = server.address;
  return () => server.teardown();
}

async function namespaceOfItsOwn(address: string): Promise<TestWorkflowEnvironment> {
  const namespace = `test-${randomUUID()}`;
  const environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace, plugins });
  const workflowExecutionRetentionPeriod = { seconds: DAY_SECONDS as never };
  await environment.nativeConnection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  return environment;
}

/** The server alone, with Longhaul's search attributes; of the one that is served, a namespace, where nothing is asked of the server itself. */
export async function startServer(time: 'skipping' | 'real', serverArguments: string[] = []): Promise<TestWorkflowEnvironment> {
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
  const shared = serverArguments.length === 0 ? process.env[SHARED_SERVER] : undefined;
  const environment =
    time === 'skipping'
      ? await whenever(() =>
          TestWorkflowEnvironment.createTimeSkipping({
            plugins,
            server: { executable: { type: 'existing-path', path: temporalBinary('temporal-test-server') } },
          }),
        )
      : await (shared === undefined ? localServer(serverArguments) : namespaceOfItsOwn(shared));
  await registerSearchAttributes({
    connection: environment.nativeConnection,
    namespace: namespaceOf(environment),
    address: environment.address,
  });
  return environment;
}

export const namespaceOf = ({ namespace = 'default' }: TestWorkflowEnvironment): string => namespace;

/**
 * `skipping`: long waits pass at once, but the server knows less (no lists, no describing of search attributes), and after a workflow
 * that ended beside a running activity none passes any more (https://github.com/temporalio/sdk-java/issues/1138): each test needs its own;
 * `real`: the development server. @param overrides activities that replace the real ones
 */
export async function startHarness(
  ports: Ports,
  time: 'skipping' | 'real',
  overrides: object = {},
  serverArguments: string[] = [],
  bundle: () => Promise<WorkflowBundleOption> = workflowBundle,
  { team = null, beside, threads = false }: HarnessPlace = {},
): Promise<Harness> {
  const environment = beside?.environment ?? (await startServer(time, serverArguments));
  const queue = (name: keyof typeof TASK_QUEUES): string => queueOf(team, TASK_QUEUES[name]);
  const common = {
    connection: environment.nativeConnection,
    namespace: namespaceOf(environment),
    maxHeartbeatThrottleInterval: '200 ms',
    defaultHeartbeatThrottleInterval: '200 ms',
  } as const;
  const activities = {
    ...createRunActivities(ports),
    ...createStepActivities(ports),
    ...createScriptActivities(ports),
    ...createNotificationActivities(),
    ...createDecisionActivities(ports),
    ...createQueryActivities(ports),
    ...createExportActivities(ports),
    ...createWarehouseJobActivities(ports),
    ...createStepJobActivities(ports),
    ...overrides,
  };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: queue('control'), workflowBundle: await bundle(), activities, debugMode: !threads }),
    Worker.create({ ...common, taskQueue: queue('warehouse'), activities }),
    Worker.create({ ...common, taskQueue: queue('training'), activities, maxConcurrentActivityTaskExecutions: MAX_ATTEMPTS }),
  ]);
  const running = workers.map((worker) => worker.run());
  let count = 0;
  return {
    client: environment.client,
    environment,
    start: (document, name = `run-${++count}`) =>
      environment.client.workflow.start<(document: RunDocument) => Promise<RunResult>>(WORKFLOWS.trainingPipeline, {
        taskQueue: queue('control'),
        workflowId: name,
        args: [document],
      }),
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      if (!beside) await environment.teardown();
    },
  };
}

export function temporalBinary(name: string): string {
  const cache = cacheDirectory();
  const versions = existsSync(cache) ? readdirSync(cache).filter((folder) => folder.startsWith('temporal-')) : [];
  const found = versions.map((version) => join(cache, version, 'bin', name)).find((path) => existsSync(path));
  if (!found) throw new Error(`${name} is missing under ${cache}; \`npm test\` installs it`);
  return found;
}

/** Polls until the condition holds. @param everyMs longer where a look is dear, or many look at once */
export async function until<T>(look: () => Promise<T | undefined | false | null>, what: string, everyMs = 50): Promise<T> {
  const end = Date.now() + PATIENCE_SECONDS * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_SECONDS} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The time-skipping server stands still for good where a workflow is terminated before it heard that the activity failed. */
export const untilTriedAgainLater = (workflow: WorkflowHandle): Promise<unknown> =>
  until(
    async () => (await workflow.describe()).raw.pendingActivities?.some(({ attempt }) => (attempt ?? 0) > 1),
    'an activity that failed once',
  );

const { EventType } = proto.temporal.api.enums.v1;
const TASK_BEGAN = new Set([EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED]);
const TASK_OR_WORKFLOW_ENDED = new Set([
  EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
]);

/**
 * In an activity, before it ends. The time-skipping server stands still for good where an activity ends while its workflow is about to
 * ask it to (https://github.com/temporalio/sdk-java/issues/2391).
 */
export const untilWorkflowHeard = (client: Client, workflow: { readonly workflowId: string; readonly runId: string }): Promise<unknown> =>
  until(async () => {
    const { events } = await client.workflow.getHandle(workflow.workflowId, workflow.runId).fetchHistory();
    const types = (events ?? []).map(({ eventType }) => eventType ?? EventType.EVENT_TYPE_UNSPECIFIED);
    return types.findLastIndex((type) => TASK_BEGAN.has(type)) < types.findLastIndex((type) => TASK_OR_WORKFLOW_ENDED.has(type));
  }, 'its workflow to hear what came');

/** As the command line connects to that server, of a team or of none. */
export function longhaulOf(environment: TestWorkflowEnvironment, team: Team = null): Longhaul {
  const { connection, address } = environment;
  return new Longhaul(connection, {
    connection: { address },
    address,
    namespace: namespaceOf(environment),
    source: 'environment',
    ui: null,
    team,
  });
}

/** For commands that are to find it. */
export const variablesOf = (environment: TestWorkflowEnvironment): { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string } => ({
  TEMPORAL_ADDRESS: environment.address,
  TEMPORAL_NAMESPACE: namespaceOf(environment),
});

/** What all workers have in common: connect, register, say that they are ready, stop gracefully. */
import { hostname } from 'node:os';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { LogEntry, WorkerOptions } from '@temporalio/worker';
import { pino } from 'pino';
import { dataConverterOf } from '../src/codec/encryption.ts';
import { openTracing } from '../src/telemetry/tracing.ts';
import type { Ports } from '../src/ports/index.ts';
import { openPorts } from '../src/adapters/open.ts';
import { connect, registerSearchAttributes, SearchAttributesError } from './connection.ts';
import { takeFromDeadWorkers, workerIdentity } from './dead-workers.ts';
import { serveHealth } from './health.ts';
import { attemptLogs, fieldsOf } from './log-context.ts';
import { metricsOptions } from './metrics.ts';
import { background } from '../activities/background.ts';
import { guardPorts } from '../activities/policy-guard.ts';
import { InvalidInputError } from '../src/contract/errors.ts';
import type { Policy } from '../src/contract/policy.ts';
import { readPolicy } from '../src/adapters/policy-file.ts';
import { queueOf, teamOf } from '../src/contract/teams.ts';
import { requireWall } from '../src/rules/policy-teams.ts';
import { soakFactor } from './soak.ts';
import { becomeFirstVersion, deploymentOptions } from './versioning.ts';
import { workflowBundle } from './workflow-bundle.ts';
import { GRACES, playFaster } from '../src/rules/durations.ts';

interface WorkerRole {
  readonly name: string;
  readonly taskQueue: string;
  readonly workflows: boolean;
  readonly activities: (ports: Ports, policy: Policy | null) => object | Promise<object>;
  readonly maxActivities: number;
}

/** Runs until a signal stops it; prints one line of JSON on stdout when it serves its queue. */
async function runWorker(role: WorkerRole): Promise<void> {
  const log = pino(
    { base: { worker: role.name }, level: process.env.LONGHAUL_LOG_LEVEL ?? 'info' },
    pino.destination({ fd: 2, sync: true }),
  );
  Runtime.install({
    logger: new DefaultLogger('INFO', (entry) => toPino(log, entry)),
    shutdownSignals: ['SIGINT', 'SIGTERM'],
    telemetryOptions: { metrics: metricsOptions() },
    workerHeartbeatInterval: `${GRACES.workerAliveSeconds} seconds`,
  });
  const policy = await readPolicy();
  const team = teamOf(process.env);
  const taskQueue = queueOf(team, role.taskQueue);
  if (team !== null) requireWall(team, policy);
  playFaster(soakFactor());
  const tracing = await openTracing(`longhaul-${role.name}`);
  const connected = await connect();
  const ports = openPorts();
  const identity = workerIdentity(role.name, hostname());
  const over = new AbortController();
  try {
    await registerSearchAttributes(connected);
    const dataConverter = dataConverterOf();
    const worker = await Worker.create({
      connection: connected.connection,
      namespace: connected.namespace,
      dataConverter,
      taskQueue,
      identity,
      activities: await role.activities(guardPorts(ports, policy), policy),
      interceptors: { activity: [attemptLogs] },
      plugins: tracing === null ? [] : [tracing.plugin],
      maxConcurrentActivityTaskExecutions: role.maxActivities,
      maxHeartbeatThrottleInterval: GRACES.heartbeatThrottleMs,
      defaultHeartbeatThrottleInterval: GRACES.heartbeatThrottleMs,
      shutdownGraceTime: GRACES.workerShutdownMs,
      shutdownForceTime: GRACES.workerShutdownForcedMs,
      ...(role.workflows
        ? {
            workflowBundle: await workflowBundle({ traced: tracing !== null, sealed: dataConverter !== undefined }),
            workerDeploymentOptions: deploymentOptions(),
          }
        : {}),
    } satisfies WorkerOptions);
    const health = await serveHealth(() => worker.getState());
    const running = worker.run();
    process.stdout.write(`${JSON.stringify({ ready: true, worker: role.name, taskQueue, pid: process.pid })}\n`);
    const say = (message: string, fields: object): void => log.info(fields, message);
    const versioned = role.workflows ? deploymentOptions() : undefined;
    if (versioned) void becomeFirstVersion(connected, versioned, over.signal);
    void takeFromDeadWorkers({ ...connected, identity, say }, over.signal);
    try {
      await running;
    } finally {
      over.abort();
      await health.close();
    }
  } finally {
    await background.end(GRACES.workerBehindMs);
    await ports.close();
    await connected.connection.close();
    await tracing?.flush();
  }
}

/** For the entry points: a failure is one line, and exit code 1. */
export function main(role: WorkerRole): void {
  void runWorker(role)
    .catch((error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(
        `${role.name} worker: ${error instanceof InvalidInputError || error instanceof SearchAttributesError ? error.message : text}\n`,
      );
      process.exitCode = 1;
    })
    .finally(() => {
      // A connection that nobody closes is no reason to stay: whoever replaces this worker waits for its end.
      setTimeout(() => process.exit(), GRACES.workerEndMs).unref();
    });
}

function toPino(log: pino.Logger, entry: LogEntry): void {
  const level =
    entry.level === 'TRACE'
      ? 'trace'
      : entry.level === 'DEBUG'
        ? 'debug'
        : entry.level === 'INFO'
          ? 'info'
          : entry.level === 'WARN'
            ? 'warn'
            : 'error';
  log[level](fieldsOf(entry.meta), entry.message);
}

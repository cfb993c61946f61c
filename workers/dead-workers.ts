/**
 * Takes from workers that died what they had under way, so that others go on with it: heartbeats of what lasts for days are minutes apart
 * (workflows/policies.ts), and Temporal itself notices that late. Each worker tells the server every few seconds that it lives, which no one
 * bills; each looks who has stopped to, and fails the activities of that one, which are then tried again at once.
 *
 * A worker that is thought dead and is not loses an activity to another one, as in a deploy: what it started outside is adopted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { temporal } from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';
import { WORKFLOWS } from '../src/contract/names.ts';
import { GRACES } from '../src/rules/durations.ts';
import { WorkerLiveness } from '../src/rules/worker-liveness.ts';

const DESCRIBED_AT_ONCE = 8;
const PAGE = 200;
const NANOS_PER_MS = 1_000_000;
/** A list of workflows lags behind: what began just before the death is found by the second look. */
const LOOKS_AFTER_DEATH = 2;

/** `temporal.api.enums.v1.PendingActivityState`. */
const STARTED = 2;
/** gRPC. */
const UNIMPLEMENTED = 12;

/** Marks whom this looks after: others' workers, and those of releases before, say nothing every few seconds. */
const PREFIX = 'longhaul/';
/** Never the same twice. */
export const workerIdentity = (name: string, host: string): string => `${PREFIX}${name}/${host}/${process.pid}/${Date.now().toString(36)}`;

type PendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;
type Execution = temporal.api.common.v1.IWorkflowExecution;

interface Watched {
  readonly connection: Pick<NativeConnection, 'workflowService'>;
  readonly namespace: string;
  /** Of this worker. */
  readonly identity: string;
  readonly say: (message: string, fields: object) => void;
}

/** For tests, ms: after how long a worker's silence is its death, and how often is looked. */
interface Rhythm {
  readonly silentMs: number;
  readonly lookMs: number;
}
const RHYTHM: Rhythm = { silentMs: GRACES.workerSilentMs, lookMs: GRACES.deadWorkersLookMs };

/** Looks until the signal aborts. Never rejects. */
export async function takeFromDeadWorkers(watched: Watched, signal: AbortSignal, { silentMs, lookMs } = RHYTHM): Promise<void> {
  const { say } = watched;
  const lives = new WorkerLiveness(watched.identity, silentMs);
  let looks = 0;
  while (!signal.aborted) {
    try {
      lives.heard(await wordsOfWorkers(watched), performance.now());
      if (lives.someoneDied(performance.now())) looks = LOOKS_AFTER_DEATH;
      if (looks > 0) {
        const taken = await takeAll(watched, (identity) => identity.startsWith(PREFIX) && lives.isDead(identity, performance.now()));
        if (taken > 0) say('took up what a dead worker had under way', { activities: taken });
        looks = taken > 0 ? LOOKS_AFTER_DEATH : looks - 1;
      }
    } catch (error) {
      if ((error as { code?: unknown }).code === UNIMPLEMENTED) {
        say('this server does not tell which workers live: what a dead one watched is taken up minutes later', {});
        return;
      }
      // A server that was away may have forgotten who lives.
      lives.forget();
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
}

/** By identity what each worker said last: a text that is another one as long as it lives, by whatever clock. */
async function wordsOfWorkers({ connection, namespace }: Watched): Promise<ReadonlyMap<string, string>> {
  const words = new Map<string, string>();
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await connection.workflowService.listWorkers({ namespace, pageSize: PAGE, nextPageToken });
    for (const { workerHeartbeat } of page.workersInfo)
      if (workerHeartbeat?.workerIdentity)
        words.set(
          workerHeartbeat.workerIdentity,
          `${workerHeartbeat.heartbeatTime?.seconds?.toString()}.${workerHeartbeat.heartbeatTime?.nanos}`,
        );
    nextPageToken = page.nextPageToken.length > 0 ? page.nextPageToken : undefined;
  } while (nextPageToken !== undefined);
  return words;
}

/** @returns how many activities were taken */
async function takeAll(watched: Watched, isDead: (identity: string) => boolean): Promise<number> {
  const { connection, namespace } = watched;
  const types = [WORKFLOWS.trial, WORKFLOWS.hyperparameterSearch, WORKFLOWS.trainingPipeline].map((type) => `'${type}'`);
  const query = `ExecutionStatus = 'Running' AND WorkflowType IN (${types.join(', ')})`;
  let taken = 0;
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await connection.workflowService.listWorkflowExecutions({ namespace, query, pageSize: PAGE, nextPageToken });
    const queue = page.executions.flatMap(({ execution }) => (execution ? [execution] : []));
    const describing = async (): Promise<void> => {
      for (let execution = queue.pop(); execution !== undefined; execution = queue.pop()) taken += await take(watched, execution, isDead);
    };
    await Promise.all(Array.from({ length: DESCRIBED_AT_ONCE }, describing));
    nextPageToken = page.nextPageToken.length > 0 ? page.nextPageToken : undefined;
  } while (nextPageToken !== undefined);
  return taken;
}

async function take(
  { connection, namespace, identity }: Watched,
  execution: Execution,
  isDead: (identity: string) => boolean,
): Promise<number> {
  const described = await connection.workflowService.describeWorkflowExecution({ namespace, execution }).catch(() => null);
  const ofDead = (described?.pendingActivities ?? []).filter(
    ({ state, lastWorkerIdentity }: PendingActivity) =>
      (state as number | null | undefined) === STARTED && isDead(lastWorkerIdentity ?? ''),
  );
  let taken = 0;
  for (const { activityId } of ofDead)
    await connection.workflowService
      .respondActivityTaskFailedById({
        namespace,
        ...execution,
        activityId,
        identity,
        failure: {
          message: 'the worker that had it is gone',
          source: 'longhaul',
          applicationFailureInfo: { type: 'Unavailable', nextRetryDelay: { nanos: GRACES.handedOverMs * NANOS_PER_MS } },
        },
      })
      .then(() => (taken += 1))
      // It ended, or another worker was quicker. What cannot be taken is no reason to look again and again.
      .catch(() => undefined);
  return taken;
}

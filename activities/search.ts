/** What a search needs of the world besides its sampler: curves, the ledger, earlier runs, gates of pools. */
import { activityInfo, getClient } from '@temporalio/activity';
import { isGrpcServiceError, QueryNotRegisteredError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { INTERNAL_SIGNALS, QUERIES, WORKFLOWS } from '../src/contract/names.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import type { Policy } from '../src/contract/policy.ts';
import type { Profile } from '../src/contract/profile.ts';
import type {
  Adopted,
  AdoptInput,
  EarlierTrial,
  PinInput,
  PinnedCheckpoint,
  PoolRates,
  ReopenInput,
  TrialInput,
  TrialSummary,
} from '../src/contract/trial-run.ts';
import type { CurveInput, CurvePoints } from '../src/contract/attempts.ts';
import type { EarlierSearch, WarmTrial } from '../src/contract/search.ts';
import type { Objective } from '../src/contract/search-space.ts';
import { teamOfQueue } from '../src/contract/teams.ts';
import type { Json } from '../src/contract/values.ts';
import type { Ports } from '../src/ports/index.ts';
import { REPLICATE } from '../src/rules/replicates.ts';
import { sharedLimit } from '../src/rules/policy-pools.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { adoptTrial } from './adopted-trials.ts';
import { createPoolRates } from './pool-rates.ts';
import { pinCheckpoint } from './pinned-checkpoints.ts';
import { asTransient, retryForeign } from './foreign-systems.ts';
import { awaitPoints } from './search-curves.ts';
import { GRACES } from '../src/rules/durations.ts';
import { stoppable } from './stoppable.ts';

/** gRPC: the question failed in the workflow. */
const INVALID_ARGUMENT = 3;
/** More would make the sampler slow and teach it little. */
const MAX_WARM_TRIALS = 500;

export interface SlotInput {
  readonly gate: string;
  /** As a policy calls it; absent from a quota's. */
  readonly pool?: string;
  readonly request: { readonly holder: string; readonly run: string; readonly priority: number; readonly limit: number };
}

interface ClosedInput {
  readonly workflowIds: readonly string[];
  readonly runIds?: Readonly<Record<string, string>>;
}

interface SearchOptions {
  /** Of these workers: it has the team's quota. */
  readonly policy?: Policy | null;
}

export const createSearchActivities = (ports: Ports, { policy = null }: SearchOptions = {}, ratesOf = createPoolRates(ports)) =>
  translated({
    /** Blocks until running trials have new validation points or exports; raw progress never enters a history. */
    async awaitCurvePoints(input: CurveInput): Promise<CurvePoints> {
      return stoppable(async (context) => {
        const until = [context.stop, context.detached];
        const store = await retryForeign('the object store', () => ports.store(input.profile), { until });
        return awaitPoints(store, input, context);
      });
    },

    /** What attempts of all runs met in the pools. */
    async poolRates({ profile }: { readonly profile: Profile }): Promise<PoolRates> {
      return withHeartbeat(() => ratesOf(profile));
    },

    /** Copies a checkpoint to where nobody removes it; the same copy serves every fork from it. */
    async pinCheckpoint(input: PinInput): Promise<PinnedCheckpoint> {
      return withHeartbeat(async () => pinCheckpoint(await ports.store(input.profile), input));
    },

    /** Copies what a trial goes on from to the place of another run's: checkpoints, records, exports. */
    async adoptTrial(input: AdoptInput): Promise<Adopted> {
      return withHeartbeat(async () => adoptTrial(await ports.store(input.profile), input));
    },

    /** What a training that came to its end wrote last does not hold when it goes on. */
    async reopenTrial({ profile, output }: ReopenInput): Promise<void> {
      await withHeartbeat(async () => (await ports.store(profile)).remove(`${output}/result.json`));
    },

    async recordTrials(input: {
      readonly profile: Profile;
      readonly rows: readonly LedgerRow<'trials'>[];
      readonly key: string;
    }): Promise<void> {
      await asTransient(async () => (await ports.warehouse(input.profile)).append('trials', input.rows, input.key));
    },

    /** Finished trials of earlier runs that had the same objectives. */
    async readWarmStart(input: {
      readonly profile: Profile;
      readonly runs: readonly string[];
      readonly objectives: readonly Objective[];
    }): Promise<WarmTrial[]> {
      const warehouse = await ports.warehouse(input.profile);
      const found = await Promise.all(input.runs.map(async (run) => ({ run, rows: await warehouse.ledger('trials', { run }) })));
      const unknown = found.find(({ rows }) => rows.length === 0);
      if (unknown)
        throw failure('InvalidInput', `sampler.warmStart: expected runs with finished trials in the ledger, found none of ${unknown.run}`);
      return found.flatMap(({ rows }) => rows.flatMap((row) => warmTrial(row, input.objectives))).slice(-MAX_WARM_TRIALS);
    },

    /** Asks the gate of a pool for a slot, and starts the gate if there is none. @returns how many there are */
    async requestSlot({ gate, pool, request }: SlotInput): Promise<{ readonly limit: number }> {
      const limit = policy === null || pool === undefined ? undefined : sharedLimit(policy, pool);
      if (limit === undefined) await askGate({ gate, request });
      // A document's own limit holds for its own run: whoever asks sets no limit for others.
      else await askGate({ gate, request: { ...request, limit, ...(request.limit < limit ? { ofRun: request.limit } : {}) } });
      return { limit: limit ?? request.limit };
    },

    /** The same among the trials that the team may have at once; null: there is no limit, and nobody was asked. */
    async requestQuota({ gate, request }: SlotInput): Promise<{ readonly limit: number | null }> {
      const limit = policy?.trials ?? null;
      if (limit !== null) await askGate({ gate, request: { ...request, limit } });
      return { limit };
    },

    /** What a search knew when it ended; one that is about to end is waited for. */
    async earlierSearch({ workflowId }: { readonly workflowId: string }): Promise<EarlierSearch> {
      return withHeartbeat(() => earlierSearch(workflowId));
    },

    /** A trial that was begun before its search was reset; null: the server knows none. */
    async earlierTrial({ workflowId }: { readonly workflowId: string }): Promise<EarlierTrial | null> {
      return withHeartbeat(() => earlierTrial(workflowId));
    },

    /** Which of these workflows do not run any more. @param runIds by workflow: one that was reset, or begun again, has another run */
    async closedWorkflows({ workflowIds, runIds = {} }: ClosedInput): Promise<string[]> {
      const closed = await Promise.all(workflowIds.map(async (id) => ((await isRunning(id, runIds[id])) ? [] : [id])));
      return closed.flat();
    },
  });
export type SearchActivities = ReturnType<typeof createSearchActivities>;

async function earlierSearch(workflowId: string): Promise<EarlierSearch> {
  const nothing = { carried: null, life: null };
  const handle = getClient().workflow.getHandle(workflowId);
  try {
    const { status, taskQueue } = await handle.describe();
    // In a Temporal namespace that teams share: another one's is none.
    if (teamOfQueue(taskQueue) !== teamOfQueue(activityInfo().taskQueue)) return { existed: false, ...nothing };
    if (status.name === 'RUNNING' || status.name === 'PAUSED')
      throw ApplicationFailure.create({
        type: 'Unavailable',
        message: `${workflowId} is still ending`,
        nextRetryDelay: GRACES.otherRunLookMs,
        category: ApplicationFailureCategory.BENIGN,
      });
    return await handle.query<EarlierSearch>(QUERIES.memory);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { existed: false, ...nothing };
    // A worker of an earlier release wrote what this one cannot ask.
    if (error instanceof QueryNotRegisteredError || isRefusedQuestion(error)) return { existed: true, ...nothing };
    throw error;
  }
}

async function earlierTrial(workflowId: string): Promise<EarlierTrial | null> {
  const client = getClient();
  const handle = client.workflow.getHandle(workflowId);
  try {
    const { status, runId } = await handle.describe();
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    });
    const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
    const input = (await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads))[0] as TrialInput | undefined;
    if (input === undefined) return null;
    const { parameters } = input;
    const isRunning = status.name === 'RUNNING' || status.name === 'PAUSED';
    const summary = status.name === 'COMPLETED' ? ((await handle.result()) as TrialSummary) : null;
    return { parameters, isRunning, summary };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

const isRefusedQuestion = (error: unknown): boolean =>
  error instanceof ServiceError && isGrpcServiceError(error.cause) && (error.cause.code as number) === INVALID_ARGUMENT;

async function askGate({ gate, request }: Pick<SlotInput, 'gate' | 'request'>): Promise<void> {
  await getClient().workflow.signalWithStart(WORKFLOWS.poolGate, {
    workflowId: gate,
    taskQueue: activityInfo().taskQueue,
    args: [],
    signal: INTERNAL_SIGNALS.acquire,
    signalArgs: [request],
  });
}

async function isRunning(workflowId: string, runId?: string): Promise<boolean> {
  try {
    const { name } = (await getClient().workflow.getHandle(workflowId, runId).describe()).status;
    return name === 'RUNNING' || name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

function warmTrial(row: LedgerRow<'trials'>, objectives: readonly Objective[]): WarmTrial[] {
  // A replicate is the same parameters again, with another seed.
  if (row.status !== 'succeeded' || row.origin === REPLICATE || typeof row.parameters !== 'string' || typeof row.metrics !== 'string')
    return [];
  const metrics = JSON.parse(row.metrics) as Record<string, number | null>;
  const values = objectives.map(({ metric }) =>
    metric === row.objective_metric ? numberOrNull(row.objective) : (metrics[metric] ?? null),
  );
  return values.includes(null) ? [] : [{ parameters: JSON.parse(row.parameters) as Record<string, Json>, values }];
}

const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null);

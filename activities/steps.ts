/** What every step has around its work: the honest cache before, the record and the ledger after. */
import { activityInfo, ApplicationFailure, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { Json, OutputType, Profile, StepState } from '../src/contract/index.ts';
import type { Ports } from '../src/ports/index.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { Interruptible } from './heartbeat.ts';
import { pause } from './stoppable.ts';
import { asTransientRefusal } from './foreign-systems.ts';
import { identify } from '../src/cache/identity.ts';
import { createStepCache } from '../src/cache/records.ts';
import type { CacheRecord, Holder, StepCache } from '../src/cache/records.ts';
import { rowKey, stepRow } from './step-rows.ts';
import { digestOf, usableRecord, KEY_DIGITS, CACHE_VERSION } from '../src/cache/key.ts';
import type { PrepareInput } from '../src/cache/key.ts';
import { GRACES } from '../src/rules/durations.ts';

/** Larger values belong into the object store: outputs travel through histories and queries. */
const MAX_OUTPUT_BYTES = 64 * 1024;
const LOOK_GROWTH = 1.5;

export type Prepared =
  | { readonly outcome: 'hit'; readonly key: string; readonly outputs: Record<string, Json>; readonly from: string }
  | { readonly outcome: 'miss'; readonly key: string; readonly digest: string }
  | { readonly outcome: 'busy'; readonly key: string; readonly holder: string };

export interface FinishInput {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: Profile;
  readonly state: StepState;
  readonly endedAt: number;
  /** null: the step has no place in the cache. */
  readonly digest: string | null;
  readonly outputTypes: Readonly<Record<string, OutputType>>;
  readonly job: string | null;
  /** That the Job ran, by digest. */
  readonly image: string | null;
  readonly bytes: number | null;
}

/** @param isOpen whether the workflow that holds a lock still runs; asked of Temporal unless given. */
export const createStepActivities = (ports: Ports, isOpen: (holder: Holder) => Promise<boolean> = isWorkflowOpen) => {
  const cacheOf = async (profile: Profile): Promise<StepCache> => createStepCache(await ports.store(profile), isOpen);
  return translated({
    /** Computes the step's cache key; answers what was made before, or claims the making. With `wait` it lasts as long as another run makes the same. */
    async prepareStep(input: PrepareInput): Promise<Prepared> {
      return withHeartbeat(async (context) => {
        const cache = await cacheOf(input.profile);
        const look = (): Promise<Prepared> => prepare(ports, cache, input);
        const prepared = await (input.wait ? awaitOther(look, context) : look());
        // Nobody hears of what was claimed after the cancellation.
        if (context.signal.aborted && prepared.outcome === 'miss') await cache.release(prepared.key, holder(input.step.id));
        return prepared;
      });
    },

    /** Writes the cache record of a success, adds the step to the ledger, gives the claim back. */
    async finishStep(input: FinishInput): Promise<void> {
      await withHeartbeat(() => asTransientRefusal(async () => finish(ports, await cacheOf(input.profile), input)));
    },
  });
};
export type StepActivities = ReturnType<typeof createStepActivities>;

async function prepare(ports: Ports, cache: StepCache, input: PrepareInput): Promise<Prepared> {
  const digest = await digestOf(ports, input);
  const key = digest.slice(0, KEY_DIGITS);
  if (!input.step.cache) return { outcome: 'miss', key, digest };
  const early = await hit(ports, cache, input, digest);
  if (early) return early;
  const self = holder(input.step.id);
  const other = await cache.claim(key, self);
  if (!other) {
    // The record may have come between our look and our claim.
    const late = await hit(ports, cache, input, digest);
    if (late) await cache.release(key, self);
    return late ?? { outcome: 'miss', key, digest };
  }
  return { outcome: 'busy', key, holder: `${other.workflowId} (step ${other.step})` };
}

/** Until the other run has made it, or has given up: then it is ours. Each try of an activity is billed by Temporal Cloud, a look is not. */
async function awaitOther(look: () => Promise<Prepared>, { look: hear, signal, detached }: Interruptible): Promise<Prepared> {
  const { startToCloseTimeoutMs } = activityInfo();
  const begun = performance.now();
  let delay: number = GRACES.otherRunLookMs;
  for (;;) {
    const prepared = await look();
    if (prepared.outcome !== 'busy') return prepared;
    // A run that began before 0.2 gives each look minutes, where others give all of them the time of the longest Job.
    const isOver = startToCloseTimeoutMs > 0 && performance.now() - begun + 2 * GRACES.otherRunLookLongestMs > startToCloseTimeoutMs;
    if (isOver || signal.aborted || detached.aborted)
      throw ApplicationFailure.create({
        type: 'Unavailable',
        message: `${prepared.holder} is making the same output`,
        nextRetryDelay: GRACES.otherRunLookMs,
        category: ApplicationFailureCategory.BENIGN,
      });
    await pause(delay, signal, detached);
    await hear();
    delay = Math.min(GRACES.otherRunLookLongestMs, delay * LOOK_GROWTH);
  }
}

async function finish(ports: Ports, cache: StepCache, input: FinishInput): Promise<void> {
  const { state, digest } = input;
  if (digest && state.status === 'succeeded') await cache.save(digest.slice(0, KEY_DIGITS), await recordOf(ports, input, digest));
  await (await ports.warehouse(input.profile)).append('steps', [stepRow(input)], rowKey('steps', input.run, state.id));
  if (digest) await cache.release(digest.slice(0, KEY_DIGITS), holder(state.id));
}

async function hit(ports: Ports, cache: StepCache, input: PrepareInput, digest: string): Promise<Prepared | null> {
  const key = digest.slice(0, KEY_DIGITS);
  // First, so that `gc` cannot begin to remove what is about to be looked at.
  if (!(await cache.renew(key))) return null;
  const record = await usableRecord(ports, input, cache, key, digest);
  if (!record) return null;
  await recordHit(ports, input, key, record);
  return { outcome: 'hit', key, outputs: record.outputs, from: record.by.run };
}

async function recordHit(ports: Ports, input: PrepareInput, key: string, record: CacheRecord): Promise<void> {
  const state: StepState = {
    id: input.step.id,
    kind: input.step.spec.kind,
    status: 'cached',
    startedAt: input.startedAt,
    endedAt: null,
    cacheKey: key,
    cacheHit: true,
    outputs: record.outputs,
    reason: null,
    workflowId: null,
    cost: 0,
  };
  const row = stepRow({ pipeline: input.pipeline, run: input.run, state, endedAt: Math.max(Date.now(), input.startedAt) });
  await (await ports.warehouse(input.profile)).append('steps', [row], rowKey('steps', input.run, input.step.id));
}

async function recordOf(ports: Ports, input: FinishInput, digest: string): Promise<CacheRecord> {
  const bytes = Buffer.byteLength(JSON.stringify(input.state.outputs));
  if (bytes > MAX_OUTPUT_BYTES)
    throw failure(
      'InvalidInput',
      `the outputs of step ${input.state.id} have ${bytes} bytes, expected at most ${MAX_OUTPUT_BYTES}; write large values under {output}`,
    );
  const made = await Promise.all(
    Object.entries(input.state.outputs).map(async ([name, value]) => {
      const type = input.outputTypes[name];
      if ((type !== 'table' && type !== 'uri') || typeof value !== 'string') return [];
      const identity = await identify(ports, input.profile, input.pipeline, { type, value });
      // An output prefix that nothing was written to is no output to look for.
      return identity === null ? [] : [{ type, value, identity }];
    }),
  );
  return {
    version: CACHE_VERSION,
    digest,
    outputs: input.state.outputs,
    made: made.flat(),
    by: { run: input.run, step: input.state.id, at: new Date(input.endedAt).toISOString() },
  };
}

function holder(step: string): Holder {
  const execution = activityInfo().workflowExecution;
  return { workflowId: execution?.workflowId ?? 'none', runId: execution?.runId ?? 'none', step, at: new Date().toISOString() };
}

async function isWorkflowOpen({ workflowId, runId }: Holder): Promise<boolean> {
  try {
    const { status } = await getClient().workflow.getHandle(workflowId, runId).describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

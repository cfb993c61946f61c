import { activityInfo } from '@temporalio/activity';
import { ledgerKey } from '../src/contract/ids.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import type { StepState } from '../src/contract/state.ts';

/** A step's end as the ledger's `steps` table has it. */
export function stepRow(input: {
  readonly pipeline: string;
  readonly run: string;
  readonly state: StepState;
  readonly endedAt: number;
  readonly job?: string | null;
  readonly image?: string | null;
  readonly bytes?: number | null;
}): LedgerRow<'steps'> {
  const { state } = input;
  return {
    pipeline: input.pipeline,
    run: input.run,
    time: new Date(input.endedAt).toISOString(),
    step: state.id,
    kind: state.kind,
    status: state.status,
    cache_key: state.cacheKey,
    cache_hit: state.cacheHit,
    started_at: state.startedAt === null ? null : new Date(state.startedAt).toISOString(),
    ended_at: new Date(input.endedAt).toISOString(),
    outputs: JSON.stringify(state.outputs),
    job: input.job ?? null,
    image: input.image ?? null,
    bytes: input.bytes ?? null,
    cost: state.cost,
    error: state.reason,
  };
}

/** Equal for the retries of an activity; new when someone resets the workflow, whose second end counts. */
export function rowKey(table: string, run: string, ...parts: readonly string[]): string {
  return ledgerKey(table, run, activityInfo().workflowExecution?.runId ?? 'none', ...parts);
}

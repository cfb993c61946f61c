/** An audit: windows of a run's trials are trained again, elsewhere where there is an elsewhere, and compared. */
import { ApplicationFailure } from '@temporalio/common';
import {
  continueAsNew,
  defineQuery,
  executeChild,
  isCancellation,
  setHandler,
  setWorkflowOptions,
  workflowInfo,
} from '@temporalio/workflow';
import type { AuditCarried, AuditedPair, AuditInput, AuditState, PairResult, Side } from '../src/contract/audit.ts';
import { auditName, trialWorkflowId } from '../src/contract/ids.ts';
import { QUERIES, WORKFLOWS } from '../src/contract/names.ts';
import { placedFor } from '../src/rules/audits.ts';
import { endIfCancelled } from './end-if-cancelled.ts';
import { stepFailureOf } from './failures.ts';
import { auditing, REPETITION_POLICY } from './policies.ts';
import type { trial } from './trial/trial.ts';

export const auditStateQuery = defineQuery<AuditState>(QUERIES.state);

/** Windows that are trained at once. */
const PARALLEL = 4;

setWorkflowOptions(() => (workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'PINNED' } : {}), audit);
export async function audit(input: AuditInput): Promise<AuditState> {
  const name = input.carried?.name ?? auditName(input.run, workflowInfo().runId);
  let carried: AuditCarried | null = input.carried ?? null;
  let isDone = false;
  const state = (): AuditState => ({
    audit: name.slice(input.run.length + 1),
    run: input.run,
    share: input.share,
    status: isDone ? 'done' : carried === null ? 'choosing' : 'training',
    plan: carried?.plan ?? null,
    results: carried?.results ?? [],
  });
  setHandler(auditStateQuery, state);
  carried ??= { name, plan: await auditing.drawAudit(input).catch(asOwn), results: [] };
  const { plan } = carried;
  while (carried.results.length < plan.pairs.length) {
    const next = plan.pairs.slice(carried.results.length, carried.results.length + PARALLEL);
    const results = await Promise.all(next.map((pair) => auditPair(input, name, pair))).catch(asOwn);
    carried.results = [...carried.results, ...results];
    endIfCancelled();
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof audit>({ ...input, carried });
  }
  isDone = true;
  await auditing.closeAudit({ run: input.run, profile: input.profile, state: state() }).catch(asOwn);
  return state();
}

async function auditPair(input: AuditInput, name: string, pair: AuditedPair): Promise<PairResult> {
  const { run, pipeline, profile } = input;
  const common = { run, pipeline, profile, name, pair };
  const outputs: Partial<Record<Side, string>> = {};
  const train = async (side: Side, dense: readonly [number, number] | null = null): Promise<string | null> => {
    const repetition = await auditing.prepareRepetition({ ...common, side, dense });
    const place = side === 'origin' ? 'there' : 'elsewhere';
    const { status, reason } = await executeChild<typeof trial>(WORKFLOWS.trial, {
      ...REPETITION_POLICY,
      workflowId: trialWorkflowId(repetition.run, pair.step, pair.trial),
      args: [{ ...repetition, profile: placedFor(profile, place, pair.pool) }],
      staticSummary: `steps ${pair.from} to ${pair.to} of trial ${pair.trial} once more`,
    });
    outputs[side] = repetition.output;
    return status === 'succeeded' ? null : (reason ?? status);
  };
  const judged = async (final: boolean, failure: string | null = null) => auditing.judgePair({ ...common, outputs, failure, final });

  const failure = await train('again').catch(failureOf);
  const { first, result } = await judged(false, failure);
  if (result !== null) return result;
  const span = first === null ? null : ([first.after, first.step] as const);
  // Who is right? The first pool's machines once more, with a look at every step where the digests were thin.
  const unknown = await train('origin', span).catch(failureOf);
  if (unknown === null && first?.exact === false) await train('closer', span).catch(failureOf);
  const last = await judged(true);
  if (last.result === null) throw new Error('an audit that is final has a result');
  return last.result;
}

/** The words of a failure, with which an audit goes on to its other windows. */
function failureOf(error: unknown): string {
  const failure = isCancellation(error) ? null : stepFailureOf(error);
  if (failure === null) throw error;
  return failure.message;
}

/** As its own failure: who waits for the audit reads this one alone. */
function asOwn(error: unknown): never {
  const failure = isCancellation(error) ? null : stepFailureOf(error);
  if (failure === null) throw error;
  throw ApplicationFailure.nonRetryable(failure.message, failure.type);
}

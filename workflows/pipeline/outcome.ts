/** How a run ended: its status, the reason in words, and the result or error that the workflow returns. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { RunResult } from '../../src/contract/state.ts';
import type { Step } from '../../src/contract/steps.ts';
import type { Run } from './run.ts';
import { boundedSteps } from './view.ts';

const FAILURES_SHOWN = 5;
const BLOCKED_SHOWN = 20;

export function answer(run: Run): RunResult {
  const { state } = run.view;
  const status = outcomeOf(run, [...run.document.steps, ...run.document.onExit]);
  const result: RunResult = {
    run: run.name,
    status,
    steps: boundedSteps(state.steps),
    cost: state.cost,
    seconds: ((state.endedAt ?? Date.now()) - state.startedAt) / 1000,
  };
  if (status === 'cancelled') throw new CancelledFailure(state.reason ?? 'cancelled', [result]);
  if (status === 'failed')
    throw ApplicationFailure.create({
      message: state.reason ?? 'failed',
      type: firstFailureType(run),
      nonRetryable: true,
      details: [result],
    });
  return result;
}

export function outcomeOf(run: Run, steps: readonly Step[]): RunResult['status'] {
  if (run.cancelled) return 'cancelled';
  if (run.refused !== null) return 'failed';
  return steps.some((step) => run.view.step(step.id).status === 'failed') ? 'failed' : 'succeeded';
}

export function reasonOf(run: Run): string | null {
  if (run.cancelled) return `${run.name} was cancelled`;
  if (run.refused !== null) return run.refused;
  const failed = run.view.state.steps.filter((step) => step.status === 'failed');
  const blocked = run.view.state.steps.filter((step) => step.status === 'blocked').map((step) => step.id);
  if (failed.length === 0) return null;
  const because = failed.slice(0, FAILURES_SHOWN).map((step) => `step ${step.id} failed: ${step.reason ?? 'no reason given'}`);
  const more = failed.length - because.length;
  return [
    ...because,
    ...(more > 0 ? [`and ${more} more steps failed`] : []),
    ...(blocked.length > 0 ? [`not run because of that: ${blocked.slice(0, BLOCKED_SHOWN).join(', ')}`] : []),
  ].join('\n');
}

const firstFailureType = (run: Run): string => [...run.failureTypes.values()].find((type) => type !== 'Cancelled') ?? 'Unexpected';

/** Approval steps: a person says yes or no, or time does. */
import { condition } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { ApprovalSpec } from '../../src/contract/steps.ts';
import type { RunState } from '../../src/contract/state.ts';

/** Payload of the updates approve and reject; `step` may be left out while only one waits. */
export interface Decision {
  readonly step?: string;
  readonly by?: string;
  readonly why?: string;
}

interface Answer {
  readonly approved: boolean;
  readonly by: string;
  readonly why: string;
}

export interface Approvals {
  /** Throws when there is nothing to decide: the update is refused. */
  readonly check: (decision: Decision | undefined) => void;
  readonly decide: (approved: boolean, decision: Decision | undefined) => { text: string };
  /** Waits for a decision; a no fails the step. */
  readonly ask: (step: string, spec: ApprovalSpec) => Promise<Answer>;
}

export function createApprovals(state: RunState, changed: () => void): Approvals {
  const answers = new Map<string, Answer>();

  const stepOf = (decision: Decision | undefined): string => {
    const waiting = state.approvals.filter((approval) => !answers.has(approval.step)).map((approval) => approval.step);
    const step = decision?.step ?? (waiting.length === 1 ? waiting[0] : undefined);
    if (step !== undefined && waiting.includes(step)) return step;
    const list = waiting.length === 0 ? 'no step waits for an approval' : `waiting: ${waiting.join(', ')}`;
    throw ApplicationFailure.nonRetryable(
      step === undefined ? `say which step; ${list}` : `step ${step} does not wait for an approval; ${list}`,
      'InvalidInput',
    );
  };

  return {
    check: (decision) => void stepOf(decision),
    decide: (approved, decision) => {
      const step = stepOf(decision);
      const answer = { approved, by: decision?.by ?? 'unknown', why: decision?.why ?? '' };
      answers.set(step, answer);
      changed();
      return { text: `${step} was ${approved ? 'approved' : 'rejected'} by ${answer.by}` };
    },
    ask: async (step, spec) => {
      const since = Date.now();
      const milliseconds = spec.timeoutSeconds * 1000;
      state.approvals.push({ step, message: spec.message, since, until: since + milliseconds });
      changed();
      try {
        await condition(() => answers.has(step), milliseconds);
      } finally {
        state.approvals = state.approvals.filter((approval) => approval.step !== step);
        changed();
      }
      const answer = answers.get(step) ?? {
        approved: spec.onTimeout === 'approve',
        by: 'the time limit',
        why: `no answer within ${spec.timeoutSeconds} s`,
      };
      if (!answer.approved)
        throw ApplicationFailure.nonRetryable(`rejected by ${answer.by}${answer.why ? `: ${answer.why}` : ''}`, 'Rejected');
      return answer;
    },
  };
}

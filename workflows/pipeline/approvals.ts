/** Approval steps: a person says yes or no, or time does. */
import { condition } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import { isOneOf } from '../../src/contract/persons.ts';
import type { Signature } from '../../src/contract/decisions.ts';
import type { ApprovalSpec } from '../../src/contract/steps.ts';
import type { PendingApproval, RunState } from '../../src/contract/state.ts';

/** Payload of the updates approve and reject; `step` may be left out while only one waits. */
export interface Decision {
  readonly step?: string;
  readonly by?: string;
  readonly why?: string;
  readonly signed?: Signature;
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
  /** Which step it answers, and whether that one counts only signed answers. */
  readonly asked: (decision: Decision | undefined) => { readonly step: string; readonly since: number; readonly signedOnly: boolean };
  /** Why the answer of a verified person does not count; null: it does. */
  readonly objection: (step: string, since: number, approved: boolean, by: string) => string | null;
  /** Counts a verified person's answer: with four eyes it takes two to say yes, and one to say no. */
  readonly vote: (step: string, approved: boolean, by: string, why?: string) => { text: string };
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

  const pending = (step: string): PendingApproval | undefined =>
    state.approvals.find((approval) => approval.step === step && !answers.has(step));
  const settle = (step: string, answer: Answer): { text: string } => {
    answers.set(step, answer);
    changed();
    return { text: `${step} was ${answer.approved ? 'approved' : 'rejected'} by ${answer.by}` };
  };

  return {
    asked: (decision) => {
      const step = stepOf(decision);
      const { since = 0, approvers, fourEyes } = pending(step) ?? {};
      return { step, since, signedOnly: approvers !== undefined || fourEyes === true };
    },
    objection: (step, since, approved, by) => {
      const asked = pending(step);
      if (asked?.since !== since) return 'the step does not wait for an answer any more';
      if (asked.approvers !== undefined && !isOneOf(asked.approvers, by))
        return `${by} is none of its approvers: ${asked.approvers.join(', ')}`;
      return approved && isOneOf(asked.approvedBy ?? [], by) ? `${by} has approved already; a second person must, too` : null;
    },
    vote: (step, approved, by, why = '') => {
      const asked = pending(step);
      const before = asked?.approvedBy ?? [];
      if (!approved || asked?.fourEyes !== true || before.length > 0)
        return settle(step, { approved, by: approved ? [...before, by].join(' and ') : by, why });
      asked.approvedBy = [by];
      changed();
      return { text: `${by} has approved ${step}; a second person must, too` };
    },
    check: (decision) => void stepOf(decision),
    decide: (approved, decision) => {
      const step = stepOf(decision);
      return settle(step, { approved, by: decision?.by ?? 'unknown', why: decision?.why ?? '' });
    },
    ask: async (step, spec) => {
      const since = Date.now();
      const milliseconds = spec.timeoutSeconds * 1000;
      state.approvals.push({ step, message: spec.message, since, until: since + milliseconds, ...whose(spec) });
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

const whose = ({ approvers, fourEyes }: ApprovalSpec): Partial<PendingApproval> => ({
  ...(approvers === undefined ? {} : { approvers }),
  ...(fourEyes === true ? { fourEyes } : {}),
});

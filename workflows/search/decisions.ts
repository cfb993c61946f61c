/** What people decide of a search goes to the ledger in batches, as the ends of its trials do. */
import { isCancellation, log, setHandler } from '@temporalio/workflow';
import { ApplicationFailure, type UpdateDefinition } from '@temporalio/common';
import type { UpdateAnswer } from '../../src/contract/search-updates.ts';
import type { ReceivedDecision } from '../../src/contract/decisions.ts';
import { UPDATES } from '../../src/contract/names.ts';
import { receivedDecision } from '../decisions.ts';
import { isOneOf } from '../../src/contract/persons.ts';
import { control } from '../policies.ts';
import { untilDrained } from './state.ts';
import type { SearchRun } from './state.ts';

const DECISIONS_PER_BATCH = 200;

/** Answers to what a search asks; another budget answers it too. */
const NEED_APPROVERS: ReadonlySet<string> = new Set([UPDATES.approve, UPDATES.reject, UPDATES.setBudget]);

function keep(run: SearchRun, decision: ReceivedDecision): void {
  (run.memory.unrecordedDecisions ??= []).push(decision);
  run.dirty = true;
}

/** Of a search with approvers: who it was is checked where keys may be read. */
async function checkedBy(run: SearchRun, heard: ReceivedDecision): Promise<ReceivedDecision> {
  const { spec, run: name } = run.input;
  if (spec.approvers === undefined) return heard;
  const verdict = await control.checkDecision.executeWithOptions({ summary: 'check who decides' }, [{ run: name, decision: heard }]);
  if (verdict.refused !== null || isOneOf(spec.approvers, verdict.by)) return { ...heard, verdict };
  return { ...heard, verdict: { ...verdict, refused: `${verdict.by} is none of its approvers: ${spec.approvers.join(', ')}` } };
}

const notCounted = (run: SearchRun, refused: string): string =>
  `search ${run.input.step} counts only signed answers, and this one does not: ${refused}`;

/** Handles an update, and keeps for the ledger what was done by it. */
export function handleUpdate<A extends [object?]>(
  run: SearchRun,
  update: UpdateDefinition<UpdateAnswer, A>,
  handler: (...payload: A) => UpdateAnswer | Promise<UpdateAnswer>,
  options: { readonly validator: (...payload: A) => void },
): void {
  if (!run.recordsDecisions) return setHandler(update, handler, options);
  setHandler(
    update,
    async (...given: A) => {
      const of = { search: run.input.step, step: run.input.step };
      const heard = receivedDecision(run.signatures, update.name, given[0], of);
      const decided = NEED_APPROVERS.has(update.name) ? await checkedBy(run, heard) : heard;
      const refused = decided.verdict?.refused ?? null;
      try {
        if (refused !== null) throw ApplicationFailure.nonRetryable(notCounted(run, refused), 'InvalidInput');
        // While it was checked another one may have answered.
        if (decided.verdict) options.validator(...given);
        const answer = await handler(...given);
        keep(run, decided);
        return answer;
      } catch (error) {
        if (refused !== null) keep(run, decided);
        throw error;
      }
    },
    options,
  );
}

export const hasUnrecordedDecisions = ({ memory }: SearchRun): boolean => (memory.unrecordedDecisions?.length ?? 0) > 0;

/** A batch that was interrupted comes again, each decision under its own id. */
export function recordDecisions(run: SearchRun): void {
  const { memory, input } = run;
  if (run.busy.decisions > 0 || run.draining || !hasUnrecordedDecisions(run)) return;
  const decisions = (memory.unrecordedDecisions ?? []).slice(0, DECISIONS_PER_BATCH);
  const { profile, pipeline, run: name } = input;
  untilDrained(run, 'decisions', async () => {
    const summary = `ledger: ${decisions.length} decisions`;
    await control.recordDecisions.executeWithOptions({ summary }, [{ profile, pipeline, run: name, decisions }]).catch((error: unknown) => {
      if (isCancellation(error)) throw error;
      log.warn('decisions could not be recorded', { error });
    });
    memory.unrecordedDecisions = memory.unrecordedDecisions?.filter((each) => !decisions.includes(each)) ?? [];
  });
}

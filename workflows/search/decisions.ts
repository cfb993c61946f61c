/** What people decide of a search goes to the ledger in batches, as the ends of its trials do. */
import { isCancellation, log, setHandler } from '@temporalio/workflow';
import type { UpdateDefinition } from '@temporalio/common';
import type { UpdateAnswer } from '../../src/contract/search.ts';
import { heardDecision } from '../decisions.ts';
import { control } from '../policies.ts';
import { untilDrained } from './state.ts';
import type { SearchRun } from './state.ts';

const DECISIONS_PER_BATCH = 200;

/** Handles an update, and keeps for the ledger what was done by it. */
export function hear<A extends [object?]>(
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
      const heard = heardDecision(run.signatures, update.name, given[0], of);
      const answer = await handler(...given);
      (run.memory.unrecordedDecisions ??= []).push(heard);
      run.dirty = true;
      return answer;
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

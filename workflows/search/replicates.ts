/** Trains the finalists of a search again with other seeds, once all else is over. */
import { patched } from '@temporalio/workflow';
import type { Replicated, TrialRecord } from '../../src/contract/search.ts';
import { show } from '../../src/rules/curves.ts';
import { finalistsOf, groupsOf, replicated } from '../../src/rules/replicates.ts';
import { candidates } from './candidates.ts';
import { decided, isReplicate, newRecord } from './state.ts';
import type { SearchRun } from './state.ts';

/** True: there is something to train again. They train to their ends, whatever scheduler and rules say. */
export function beginReplicates(run: SearchRun): boolean {
  const { replicates, objective, seed, fixed, takesOver } = run.input.spec;
  const { memory } = run;
  if (replicates === undefined || memory.finishing !== null) return false;
  const known = memory.records.filter(isReplicate);
  // A search that goes on with an ended one has those of its finalists, and may have found better trials since.
  if (known.length > 0 && (takesOver === undefined || !patched('finalists-of-an-extended-search'))) return false;
  const finalists = finalistsOf(candidates(run), objective, replicates.of).filter(
    (trial) => !known.some(({ state }) => state.parent === trial),
  );
  for (const trial of finalists)
    for (let i = 1; i <= replicates.seeds; i++) {
      const parameters = Object.fromEntries(Object.entries(parametersOf(run, trial)).filter(([name]) => !(name in fixed)));
      const record = newRecord(run, parameters, 'replicate', { parent: trial, seed: seed + i });
      record.state.kept = true;
    }
  memory.plannedTrials = Math.max(memory.plannedTrials, memory.records.length);
  if (finalists.length > 0) decided(run, null, `trials ${finalists.join(', ')} are trained again, with ${replicates.seeds} seeds each`);
  run.dirty = true;
  return finalists.length > 0;
}

const parametersOf = (run: SearchRun, trial: number): TrialRecord['state']['parameters'] =>
  run.memory.records[trial]?.state.parameters ?? {};

/** Null before the replicates are all over, and where there are none. */
export function replicatedOf(run: SearchRun): Replicated | null {
  const all = run.memory.records.filter(isReplicate);
  if (all.length === 0 || all.some(({ told }) => told === null)) return null;
  const ends = all.map(({ state, values: [objective = null] }) => ({
    ...{ finalist: state.parent ?? 0, reason: state.reason, objective },
    status: run.wholeReplicates ? state.status : ('succeeded' as const),
  }));
  return replicated(groupsOf(ends), run.input.spec.objective);
}

/** Who won, and how sure that is, in words. */
export function tellReplicated(run: SearchRun): void {
  const found = replicatedOf(run);
  const [first, second] = found?.finalists ?? [];
  if (!found || !first) return;
  const words = ({ trial, mean, low, high, diverged }: typeof first): string =>
    [
      `trial ${trial} with ${show(mean)}`,
      low === null || high === null ? '' : ` (${show(low)} to ${show(high)})`,
      diverged === undefined ? '' : `, ${diverged} diverged`,
    ].join('');
  const order = second && found.sure !== null ? ` before ${words(second)}; ${Math.round(found.sure * 100)} % sure` : '';
  decided(run, first.trial, `wins by the mean of its replicates: ${words(first)}${order}`);
}

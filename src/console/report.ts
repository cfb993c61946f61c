/** The report of a run, of the ledger as it is now. */
import type { Importance } from '../contract/search.ts';
import { renderReport } from '../report/index.ts';
import type { RunModel } from './run-model.ts';
import type { ConsoleSource } from './source.ts';
import { importanceInput } from './views.ts';

export async function reportOf(model: RunModel, source: ConsoleSource): Promise<string> {
  const [trials, progress, importance] = await Promise.all([model.rows('trials'), model.rows('progress'), importances(model, source)]);
  return renderReport({
    run: model.state,
    graph: model.graph,
    document: model.document,
    searches: model.searches,
    trials,
    progress,
    importance,
    attempts: model.attempts,
    evaluations: model.evaluations,
    steps: model.stepRows,
    now: Date.now(),
  });
}

/** Computed by the sampler's worker; where none answers, the report does without. */
async function importances(model: RunModel, source: ConsoleSource): Promise<Record<string, Importance>> {
  const found = await Promise.all(
    Object.values(model.searches).map(async (search): Promise<[string, Importance] | null> => {
      const input = importanceInput(model, search);
      if (input.trials.length === 0) return null;
      const answer = await source.importance(model.id, search.step, input).catch(() => null);
      return answer && [search.step, answer];
    }),
  );
  return Object.fromEntries(found.filter((one) => one !== null));
}

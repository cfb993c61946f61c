/** The report of a run, of the ledger as it is now. */
import type { Importance } from '../contract/sampler.ts';
import { importanceInput, runBefore } from '../present/gathering.ts';
import { renderReport, type ReportData } from '../report/index.ts';
import type { RunModel } from './run-model.ts';
import type { ConsoleSource } from './source.ts';

export async function reportOf(model: RunModel, source: ConsoleSource): Promise<string> {
  const [trials, progress, importance, previous, audits] = await Promise.all([
    model.rows('trials'),
    model.rows('progress'),
    importances(model, source),
    previousRun(model, source),
    source.ledger(model.document, 'audits', { run: model.id }).catch(() => []),
  ]);
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
    checks: model.checks,
    audits,
    steps: model.stepRows,
    previous,
    now: Date.now(),
  });
}

/** Computed by the sampler's worker; where none answers, the report does without. */
async function importances(model: RunModel, source: ConsoleSource): Promise<Record<string, Importance>> {
  const found = await Promise.all(
    Object.values(model.searches).map(async (search): Promise<[string, Importance] | null> => {
      const input = importanceInput(model.document, search.step, search.trials);
      if (!input) return null;
      const answer = await source.importance(model.id, search.step, input).catch(() => null);
      return answer && [search.step, answer];
    }),
  );
  return Object.fromEntries(found.filter((one) => one !== null));
}

/** A run whose history Temporal has forgotten cannot be compared with any more. */
async function previousRun({ document, state }: RunModel, source: ConsoleSource): Promise<ReportData['previous']> {
  const before = runBefore(state, await source.ledger(document, 'runs', { pipeline: state.pipeline }));
  const found = before && (await source.document(before.run).catch(() => null));
  return before && found && { run: before.run, document: found };
}

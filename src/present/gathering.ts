/** Which rows and questions a run's report needs, of all that the ledger holds: the same for the CLI and the console. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { ImportanceInput } from '../contract/sampler.ts';
import type { RunState, TrialStatus } from '../contract/state.ts';
import type { Json } from '../contract/values.ts';
import { textOf } from './charts/views.ts';
import { REPLICATE } from '../rules/replicates.ts';

/** Whether trials of other runs belong to this one: those of a search that came from the cache. */
export const hasCachedSearch = (run: RunState): boolean => run.steps.some((step) => step.kind === 'search' && step.cacheHit);

/** Trials of earlier runs that searches from the cache took over: those whose output lies where the step's best export does. */
export function takenOver(run: RunState, trialsOfPipeline: readonly LedgerRow<'trials'>[]): LedgerRow<'trials'>[] {
  const prefixes = run.steps
    .filter((step) => step.kind === 'search' && step.cacheHit)
    .map((step) => searchOutput(step.outputs.export))
    .filter((prefix) => prefix !== null);
  return trialsOfPipeline.filter((row) => row.run !== run.run && prefixes.some((prefix) => textOf(row.output)?.startsWith(prefix)));
}

/** `file:///…/search/3f2a…/` of `file:///…/search/3f2a…/trial-3/exports/12`. */
const searchOutput = (uri: Json | undefined): string | null =>
  typeof uri === 'string' ? (/^(.*\/)trial-\d+\//.exec(uri)?.[1] ?? null) : null;

/** The runs whose rows are this run's results: itself first, and those that made what its searches took over. */
export const makersOf = (run: string, trials: readonly LedgerRow<'trials'>[]): string[] => [
  ...new Set([run, ...trials.map((trial) => trial.run)]),
];

/** What to ask the sampler's worker about a search; null while no trial has finished. */
export function importanceInput(
  document: RunDocument,
  step: string,
  trials: readonly {
    readonly status: TrialStatus;
    readonly parameters: Readonly<Record<string, Json>>;
    readonly objective: number | null;
    readonly origin: string;
  }[],
): ImportanceInput | null {
  const spec = [...document.steps, ...document.onExit].find((one) => one.id === step)?.spec;
  // Replicates would count what the best have three times and more.
  const finished = trials.filter(({ status, origin }) => status === 'succeeded' && origin !== REPLICATE);
  if (spec?.kind !== 'search' || finished.length === 0) return null;
  return {
    space: spec.space,
    objective: spec.objective,
    trials: finished.map(({ parameters, objective }) => ({ parameters: { ...parameters }, value: objective })),
  };
}

/** The newest run of the pipeline that had begun before this one. */
export function runBefore(run: RunState, runsOfPipeline: readonly LedgerRow<'runs'>[]): LedgerRow<'runs'> | null {
  const began = (row: LedgerRow<'runs'>): string => textOf(row.started_at) ?? '';
  const mine = new Date(run.startedAt).toISOString();
  const earlier = runsOfPipeline.filter((row) => row.run !== run.run && began(row) < mine);
  return earlier.sort((a, b) => began(b).localeCompare(began(a)))[0] ?? null;
}

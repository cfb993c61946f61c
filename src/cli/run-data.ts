/** All that is known of a run: its workflow's answers, its document, its rows in the ledger, the run before it. */
import type { Run } from '../client/index.ts';
import { orKept, type KeptPlaces } from '../client/kept-runs.ts';
import type { LedgerRow, LedgerTable } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { Importance, ImportanceInput } from '../contract/sampler.ts';
import type { RunGraph, RunState } from '../contract/state.ts';
import type { Warehouse } from '../ports/index.ts';
import { trialsOf } from '../present/charts/views.ts';
import { hasCachedSearch, importanceInput, makersOf, runBefore, takenOver } from '../present/gathering.ts';
import type { ReportData } from '../report/index.ts';
import { recordedDocument } from './earlier-runs.ts';
import { snapshotOf } from './follow.ts';
import type { Snapshot } from './run-tree.ts';
import type { OpenPorts } from '../adapters/open.ts';

/** What a run says of itself: its workflows, or what was kept of it when it ended. */
export interface ReadableRun {
  readonly id: string;
  snapshot(): Promise<Snapshot>;
  graph(): Promise<RunGraph>;
  document(): Promise<RunDocument>;
  isOver(): Promise<boolean>;
  /** null: nobody answers. */
  importance(step: string, input: ImportanceInput): Promise<Importance | null>;
}

/** @param from where a run is looked for that Temporal has forgotten */
export const askedRun = (run: Run, from: KeptPlaces): ReadableRun => ({
  id: run.id,
  snapshot: () =>
    orKept(
      from,
      run.id,
      () => snapshotOf(run),
      ({ run: state, searches }) => ({ run: state, searches }),
    ),
  graph: () =>
    orKept(
      from,
      run.id,
      () => run.graph(),
      ({ graph }) => graph,
    ),
  document: () =>
    orKept(
      from,
      run.id,
      () => run.document(),
      ({ document }) => document,
    ),
  isOver: () =>
    orKept(
      from,
      run.id,
      async () => (await run.state()).endedAt !== null,
      () => true,
    ),
  importance: (step, input) =>
    run
      .search(step)
      .importance(input)
      .catch(() => null),
});

/** Trials, attempts and curves are also those of searches that came from the cache: an earlier run made them. */
export type RunData = Omit<ReportData, 'importance' | 'previous' | 'steps'>;

export async function collect(run: ReadableRun, ports: OpenPorts): Promise<RunData> {
  const [snapshot, document, graph] = await Promise.all([run.snapshot(), run.document(), run.graph()]);
  const warehouse = await ports.warehouse(document.profile);
  const trials = await trialRows(warehouse, snapshot.run);
  const makers = makersOf(run.id, trials);
  const of = async <T extends LedgerTable>(table: T): Promise<LedgerRow<T>[]> =>
    (await Promise.all(makers.map((maker) => warehouse.ledger(table, { run: maker })))).flat();
  const [attempts, progress, evaluations] = await Promise.all([of('attempts'), of('progress'), of('evaluations')]);
  return { ...snapshot, graph, document, trials, attempts, progress, evaluations, now: Date.now() };
}

/** Besides, what only a report shows: jobs, importances, the run before. */
export async function collectReport(run: ReadableRun, ports: OpenPorts): Promise<ReportData> {
  const data = await collect(run, ports);
  const warehouse = await ports.warehouse(data.document.profile);
  const [steps, checks, audits, importance, previous] = await Promise.all([
    warehouse.ledger('steps', { run: run.id }),
    warehouse.ledger('checks', { run: run.id }),
    warehouse.ledger('audits', { run: run.id }),
    importances(run, data),
    previousRun(data, ports, warehouse),
  ]);
  return { ...data, steps, checks, audits, importance, previous };
}

/** Trials that have not ended are not in the ledger yet; the search knows them. Costs and metrics of these are so far. */
export function withLiveTrials({ run, searches, trials, now }: RunData): LedgerRow<'trials'>[] {
  const live = Object.entries(searches).flatMap(([step, search]) =>
    search.trials
      .filter((trial) => !trials.some((row) => row.step === step && row.trial === trial.trial))
      .map((trial): LedgerRow<'trials'> => {
        const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
        return {
          pipeline: run.pipeline,
          run: run.run,
          time: new Date(now).toISOString(),
          step,
          trial: trial.trial,
          status: trial.status,
          parameters: JSON.stringify(trial.parameters),
          objective_metric: search.objective.metric,
          objective: trial.objective,
          metrics: JSON.stringify(trial.metrics),
          reason: trial.reason,
          origin: trial.origin,
          parent_trial: trial.parent,
          output: trial.output,
          export: trial.bestExport,
          weights_sha256: null,
          attempts: trial.attempts,
          seconds: trial.startedAt === null ? null : ((trial.endedAt ?? now) - trial.startedAt) / 1000,
          cost: trial.cost,
          on_demand_cost: trial.onDemandCost,
          lost_cost: trial.lostCost,
          started_at: iso(trial.startedAt),
          // That of another run, which this one took over, has.
          ended_at: iso(trial.endedAt),
        };
      }),
  );
  return byNumber([...trials, ...live]);
}

async function trialRows(warehouse: Warehouse, run: RunState): Promise<LedgerRow<'trials'>[]> {
  const own = await warehouse.ledger('trials', { run: run.run });
  if (!hasCachedSearch(run)) return byNumber(own);
  return byNumber([...own, ...takenOver(run, await warehouse.ledger('trials', { pipeline: run.pipeline }))]);
}

const byNumber = (rows: readonly LedgerRow<'trials'>[]): LedgerRow<'trials'>[] =>
  [...rows].sort((a, b) => String(a.step).localeCompare(String(b.step)) || Number(a.trial) - Number(b.trial));

/** Computed by the sampler's worker; where none answers, the report does without. */
async function importances(run: ReadableRun, data: RunData): Promise<Record<string, Importance>> {
  const found = await Promise.all(
    data.document.steps.map(async ({ id, spec }): Promise<[string, Importance] | null> => {
      if (spec.kind !== 'search') return null;
      const input = importanceInput(data.document, id, trialsOf(data.trials, id, data.searches[id]));
      const answer = input && (await run.importance(id, input));
      return answer === null ? null : [id, answer];
    }),
  );
  return Object.fromEntries(found.filter((entry) => entry !== null));
}

/** Its document lies in the object store, where it outlives Temporal's history. */
async function previousRun(data: RunData, ports: OpenPorts, warehouse: Warehouse): Promise<ReportData['previous']> {
  const before = runBefore(data.run, await warehouse.ledger('runs', { pipeline: data.run.pipeline }));
  if (!before) return null;
  const document = await recordedDocument(before, await ports.store(data.document.profile));
  return document === null ? null : { run: before.run, document };
}

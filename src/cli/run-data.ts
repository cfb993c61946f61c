/** All that is known of a run: its workflow's answers, its document, its rows in the ledger. */
import type { Run } from '../client/index.ts';
import type { LedgerRow, LedgerTable } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { RunState } from '../contract/state.ts';
import type { Warehouse } from '../ports/index.ts';
import { snapshotOf } from './follow.ts';
import type { OpenPorts } from './ports.ts';
import type { Snapshot } from './run-tree.ts';

export interface RunData extends Snapshot {
  readonly document: RunDocument;
  /** Trials of the searches of this run, also of those that came from the cache: made by an earlier run. */
  readonly trials: readonly LedgerRow<'trials'>[];
  readonly attempts: readonly LedgerRow<'attempts'>[];
  readonly progress: readonly LedgerRow<'progress'>[];
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
}

export async function collect(run: Run, ports: OpenPorts): Promise<RunData> {
  const [snapshot, document] = await Promise.all([snapshotOf(run), run.document()]);
  const warehouse = await ports.warehouse(document.profile);
  const trials = await trialsOf(warehouse, snapshot.run);
  const makers = [...new Set([run.id, ...trials.map((trial) => trial.run)])];
  const of = async <T extends LedgerTable>(table: T): Promise<LedgerRow<T>[]> =>
    (await Promise.all(makers.map((maker) => warehouse.ledger(table, { run: maker })))).flat();
  const [attempts, progress, evaluations] = await Promise.all([of('attempts'), of('progress'), of('evaluations')]);
  return { ...snapshot, document, trials, attempts, progress, evaluations };
}

/** Rows of this run; of a search from the cache, those whose output lies where its best export does. */
async function trialsOf(warehouse: Warehouse, state: RunState): Promise<LedgerRow<'trials'>[]> {
  const own = await warehouse.ledger('trials', { run: state.run });
  const prefixes = state.steps.filter((step) => step.kind === 'search' && step.cacheHit).map((step) => searchOutput(step.outputs.export));
  if (prefixes.every((prefix) => prefix === null)) return byNumber(own);
  const all = await warehouse.ledger('trials', { pipeline: state.pipeline });
  const cached = all.filter(
    (row) =>
      row.run !== state.run &&
      prefixes.some((prefix) => prefix !== null && typeof row.output === 'string' && row.output.startsWith(prefix)),
  );
  return byNumber([...own, ...cached]);
}

/** `file:///…/search/3f2a…/` of `file:///…/search/3f2a…/trial-3/exports/12`. */
const searchOutput = (uri: unknown): string | null => (typeof uri === 'string' ? (/^(.*\/)trial-\d+\//.exec(uri)?.[1] ?? null) : null);

const byNumber = (rows: readonly LedgerRow<'trials'>[]): LedgerRow<'trials'>[] =>
  [...rows].sort((a, b) => String(a.step).localeCompare(String(b.step)) || Number(a.trial) - Number(b.trial));

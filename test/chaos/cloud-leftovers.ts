/** What writers that died may leave in BigQuery, as its emulator tells it. */
import { EMULATOR_PROJECT } from '../../src/stack/emulators/index.ts';
import { LEDGER } from '../../src/contract/ledger.ts';

/** Of the pipelines of chaos and soak: what its steps and the ledger make is there to stay, the scores of an evaluation's model with it. */
const STEP_TABLE = /^(?:(?:chaos|soak)_dataset_(?:train|validation)_[0-9a-f]{12}|scores_evaluate_[0-9a-f]{12}_[0-9a-f]{12})$/;
/** Where BigQuery has an external table over the files, which expires, its emulator has a loaded one. */
const EMULATED_SOURCE = /^longhaul_source_[0-9a-f]+$/;

interface Listed {
  readonly type: string;
  readonly tableReference: { readonly tableId: string };
}

/** Jobs that nobody waits for, in words. */
export async function runningQueries(bigquery: string): Promise<string[]> {
  const { jobs = [] } = await answerOf<{ jobs?: { id: string; status?: { state?: string } }[] }>(bigquery, 'jobs?stateFilter=running');
  return jobs.filter(({ status }) => status?.state === 'RUNNING').map(({ id }) => `BigQuery's job ${id} is still running`);
}

/** Tables that nobody would ever drop, in words: a helper's must expire by itself. */
export async function orphanTables(bigquery: string, dataset: string): Promise<string[]> {
  const { tables = [] } = await answerOf<{ tables?: Listed[] }>(bigquery, `datasets/${dataset}/tables?maxResults=1000`);
  const isKept = (table: string): boolean => STEP_TABLE.test(table) || EMULATED_SOURCE.test(table) || table in LEDGER;
  const helpers = tables.filter(({ type, tableReference: { tableId } }) => type === 'TABLE' && !isKept(tableId));
  const expirations = await Promise.all(
    helpers.map(async ({ tableReference: { tableId } }) => {
      const { expirationTime } = await answerOf<{ expirationTime?: string }>(bigquery, `datasets/${dataset}/tables/${tableId}`);
      return expirationTime === undefined ? [`BigQuery's table ${tableId} would stay for ever`] : [];
    }),
  );
  return expirations.flat();
}

async function answerOf<T>(bigquery: string, path: string): Promise<T> {
  const response = await fetch(`${bigquery}/bigquery/v2/projects/${EMULATOR_PROJECT}/${path}`);
  return (await response.json()) as T;
}

import type { LedgerTable } from '../../contract/ledger.ts';
import { LEDGER } from '../../contract/ledger.ts';
import type { LEDGER_VIEWS } from '../../contract/names.ts';
import type { Connection } from './client.ts';
import { NO_CONTEXT, runJob } from './jobs.ts';
import { digest, identifier, literal, quoted } from './names.ts';
import { getTable } from './tables.ts';

interface View {
  readonly description: string;
  readonly on: readonly LedgerTable[];
  /** @param merged a ledger table with one row for each key */
  readonly select: (merged: (table: LedgerTable) => string) => string;
}

/** What Looker Studio users connect to: flat, one meaning a column, no JSON to take apart. */
const VIEWS: Readonly<Record<(typeof LEDGER_VIEWS)[number], View>> = {
  v_trials: {
    description: 'One row a trial: parameters, objective, seconds and cost',
    on: ['trials'],
    select: (merged) =>
      `SELECT pipeline, run, step, trial, status, reason, origin, parent_trial, TO_JSON_STRING(parameters) AS parameters, objective_metric, objective, attempts, seconds, cost, on_demand_cost, lost_cost, on_demand_cost - cost AS saved, started_at, ended_at, output, export, time FROM ${merged('trials')}`,
  },
  v_learning_curves: {
    description: 'One row a metric of a progress record: the learning curves of trials',
    on: ['progress'],
    select: (merged) =>
      `SELECT pipeline, run, step, trial, attempt, n, kind, epoch, training_step, samples, samples_per_second, time, REGEXP_EXTRACT(pair, r'^"([^"]+)"') AS metric, CAST(REGEXP_EXTRACT(pair, r':(.+)$') AS FLOAT64) AS value FROM ${merged('progress')} CROSS JOIN UNNEST(REGEXP_EXTRACT_ALL(TO_JSON_STRING(metrics), r'"[^"]+":-?[0-9][-+0-9.eE]*')) AS pair`,
  },
  v_evaluations: {
    description: 'One row a metric of an evaluation, with its interval and the difference to the scorer that it was compared with',
    on: ['evaluations'],
    select: (merged) =>
      `SELECT pipeline, run, step, trial, export, scorer, segment, segment_value, metric, value, low, high, sessions, difference, difference_low, difference_high, compared_with, early, samples, time FROM ${merged('evaluations')}`,
  },
  v_costs: {
    description: 'What was spent: attempts of trials by pool, and the other steps',
    on: ['attempts', 'steps'],
    select: (
      merged,
    ) => `SELECT pipeline, run, step, 'training' AS kind, pool, spot, verdict, DATE(started_at) AS day, seconds, cost, on_demand_cost FROM ${merged('attempts')}
UNION ALL
SELECT pipeline, run, step, kind, NULL AS pool, FALSE AS spot, status AS verdict, DATE(started_at) AS day, TIMESTAMP_DIFF(ended_at, started_at, MILLISECOND) / 1000 AS seconds, cost, cost AS on_demand_cost FROM ${merged('steps')} WHERE kind != 'search'`,
  },
};

/** Creates or renews the views of which this table was the last that was missing. */
export async function ensureViews(connection: Connection, table: LedgerTable): Promise<void> {
  const { config } = connection;
  const refOf = (name: string): { project: string; dataset: string; table: string } => ({
    project: config.project,
    dataset: config.dataset,
    table: name,
  });
  const merged = (name: LedgerTable): string =>
    `(SELECT * FROM ${quoted(refOf(name))} WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY ${LEDGER[name].key.map(identifier).join(', ')} ORDER BY \`time\` DESC, appended_at DESC) = 1)`;
  for (const [name, view] of Object.entries(VIEWS)) {
    if (!view.on.includes(table)) continue;
    const others = await Promise.all(view.on.filter((each) => each !== table).map((each) => getTable(connection, refOf(each))));
    if (others.includes(null)) continue;
    const select = view.select(merged);
    // Told by the description which text a view was made from.
    const description = `${view.description}. Made by Longhaul, version ${digest(select)}`;
    if ((await getTable(connection, refOf(name)))?.description === description) continue;
    const query = `CREATE OR REPLACE VIEW ${quoted(refOf(name))} OPTIONS (description = ${literal(description)}) AS\n${select}`;
    const id = `longhaul-view-${digest(`${config.dataset} ${query}`)}`;
    await runJob(connection, { id, configuration: { query: { query, useLegacySql: false } }, stillThere: async () => false }, NO_CONTEXT);
  }
}

/** What must hold after a run, whatever happened in it. Each check answers with what is wrong, in words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { searchWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import { LEDGER, type LedgerTable } from '../../src/contract/ledger.ts';
import type { Row } from './ground.ts';
import { openJobs, type Played } from './play.ts';
import { jobProcesses } from './processes.ts';
import { SECRET, type World } from './world.ts';

/** Rows of a run: one when it begins, one when it ends. */
const MAX_ROWS: Partial<Record<LedgerTable, number>> = { runs: 2 };
const CENTS = 1e-6;

/** What must be equal to the last bit with and without faults. */
export interface Outcome {
  readonly status: string;
  readonly trials: readonly {
    readonly trial: unknown;
    readonly weights: unknown;
    readonly objective: unknown;
    readonly metrics: unknown;
  }[];
  readonly parts: readonly unknown[];
  readonly best: unknown;
}

export async function outcomeOf(world: World, played: Played): Promise<Outcome> {
  const { result } = played;
  const outputs = (id: string): Readonly<Record<string, unknown>> => result.steps.find((step) => step.id === id)?.outputs ?? {};
  const store = await world.ports.store(world.profile);
  const parts = await Promise.all(
    ['parts.train', 'parts.validation'].map(async (id) => {
      const manifest = await store.read(String(outputs(id).manifest));
      if (!manifest) return `no manifest of ${id}`;
      const { parts: written } = JSON.parse(new TextDecoder().decode(manifest.data)) as { parts: { rows: number; crc32c: string }[] };
      return written.map(({ rows, crc32c }) => ({ rows, crc32c }));
    }),
  );
  const trials = (await rowsOfTrials(world, outputs('search').export)).map((row) => ({
    trial: row.trial,
    weights: row.weights_sha256,
    objective: row.objective,
    metrics: row.metrics,
  }));
  return { status: result.status, trials, parts, best: outputs('best').objective };
}

/** Of the run that made them: a step that was cancelled late may already be in the cache. */
async function rowsOfTrials(world: World, bestExport: unknown): Promise<readonly Row[]> {
  const warehouse = await world.ports.warehouse(world.profile);
  const maker = /\/([^/]+)\/trial-\d+\//.exec(String(bestExport))?.[1] ?? '';
  const rows: readonly Row[] = await warehouse.ledger('trials', { run: maker, step: 'search' });
  return [...rows].sort((a, b) => Number(a.trial) - Number(b.trial));
}

export async function problemsAfter(world: World, played: Played): Promise<string[]> {
  const problems = [
    ...(await Promise.all(played.runs.map(async (run) => runProblems(await ledgerOf(world, run))))).flat(),
    ...(await orphanProblems(world, played)),
    ...(await world.ground.leftovers()),
    ...(await historyProblems(world, played)),
    ...secretsIn(world),
  ];
  const sum = played.result.steps.reduce((total, step) => total + step.cost, 0);
  if (Math.abs(sum - played.result.cost) > CENTS) problems.push(`the run cost ${played.result.cost}, its steps ${sum}`);
  return problems;
}

type Ledger = ReadonlyMap<LedgerTable, readonly Row[]>;

async function ledgerOf(world: World, run: string): Promise<Ledger> {
  const tables = Object.keys(LEDGER) as LedgerTable[];
  const rows = await Promise.all(tables.map((table) => world.ground.rows(table, run, world.ports)));
  return new Map(tables.map((table, at) => [table, rows[at] ?? []]));
}

const runProblems = (ledger: Ledger): string[] => [...ledgerProblems(ledger), ...impossibleTimes(ledger)];

function ledgerProblems(ledger: Ledger): string[] {
  const problems: string[] = [];
  const rowsOf = (table: LedgerTable): readonly Row[] => ledger.get(table) ?? [];
  for (const [table, rows] of ledger) {
    const counts = new Map<string, number>();
    for (const row of rows) {
      const key = LEDGER[table].key.map((column) => String(row[column])).join('/');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [key, count] of counts) if (count > (MAX_ROWS[table] ?? 1)) problems.push(`ledger ${table}: ${count} rows for ${key}`);
  }
  const attempts = rowsOf('attempts');
  for (const trial of rowsOf('trials')) {
    const isOwn = (row: Row): boolean => row.step === trial.step && row.trial === trial.trial;
    const own = attempts.filter(isOwn);
    const numbers = own.map((row) => Number(row.attempt)).sort((a, b) => a - b);
    if (numbers.some((number, at) => number !== at + 1) || numbers.length !== trial.attempts)
      problems.push(`trial ${String(trial.trial)} had ${String(trial.attempts)} attempts, the ledger has ${numbers.join(', ')}`);
    const cost = own.reduce((total, row) => total + Number(row.cost), 0);
    if (Math.abs(cost - Number(trial.cost)) > CENTS)
      problems.push(`trial ${String(trial.trial)} cost ${String(trial.cost)}, its attempts ${cost}`);
    const progress = rowsOf('progress').filter(isOwn);
    const last = progress.map((row) => Number(row.n)).sort((a, b) => a - b);
    if (last.some((n, at) => n !== at + 1)) problems.push(`trial ${String(trial.trial)}: progress ${last.join(', ')} has gaps`);
  }
  return problems;
}

/** What clocks that jump must not make. */
function impossibleTimes(ledger: Ledger): string[] {
  const attempts = (ledger.get('attempts') ?? [])
    .filter(({ seconds, cost }) => Number(seconds) < 0 || Number(cost) < 0)
    .map(({ trial, attempt }) => `attempt ${String(attempt)} of trial ${String(trial)} lasted or cost less than nothing`);
  const steps = (ledger.get('steps') ?? [])
    .filter((row) => typeof row.started_at === 'string' && Date.parse(String(row.ended_at)) < Date.parse(row.started_at))
    .map(({ step }) => `step ${String(step)} ended before it began`);
  return [...attempts, ...steps];
}

async function orphanProblems(world: World, { runs, survivors }: Played): Promise<string[]> {
  const early = survivors.map((job) => `${job} when its cancelled run had ended`);
  return [...early, ...(await openJobs(world, runs)), ...jobProcesses(world.ground.mark).map((pid) => `process ${pid} is still there`)];
}

async function historyProblems(world: World, { runs }: Played): Promise<string[]> {
  const ids = runs.flatMap((run) => [
    run,
    searchWorkflowId(run, 'search'),
    ...Array.from({ length: world.trials }, (_, trial) => trialWorkflowId(run, 'search', trial)),
  ]);
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        const { raw, status } = await world.longhaul.client.workflow.getHandle(id).describe();
        const events = Number(raw.workflowExecutionInfo?.historyLength ?? 0);
        const open = status.name === 'RUNNING' ? [`workflow ${id} is still open`] : [];
        return events > world.maxEvents ? [...open, `history of ${id} has ${events} events`] : open;
      } catch {
        // A run that was cancelled early never had it.
        return [];
      }
    }),
  );
  return found.flat();
}

function secretsIn(world: World): string[] {
  const folder = join(world.folder, '.longhaul', 'logs');
  return readdirSync(folder)
    .filter((name) => readFileSync(join(folder, name), 'utf8').includes(SECRET))
    .map((name) => `the secret is in ${name}`);
}

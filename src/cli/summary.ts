/** The tables that end a run: steps, trials, offline metrics. Pure. */
import type { LedgerRow, LedgerValue } from '../contract/ledger.ts';
import type { StepState } from '../contract/state.ts';
import type { SearchSpec } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';
import { between, duration, metric, money, parameters } from '../present/format.ts';
import { ranked, trialsOf } from '../present/charts/views.ts';
import { intervalAfter, MODEL } from '../present/evaluations.ts';
import { mayBeBest } from '../present/search-findings.ts';
import { REPLICATE } from '../rules/replicates.ts';
import type { RunData } from './run-data.ts';
import { noteOf, type Snapshot } from './run-tree.ts';
import { table, type Column } from './table.ts';
import type { Colors } from './terminal.ts';

function headline({ run }: Snapshot): string {
  const cached = run.steps.filter((step) => step.status === 'cached').length;
  const took = run.endedAt === null ? `for ${duration(Date.now() - run.startedAt)}` : `in ${duration(run.endedAt - run.startedAt)}`;
  const reuse = cached === 0 ? '' : `; ${cached} of ${run.steps.length} steps came from the cache and did no work`;
  return `${run.run} ${run.status} ${took}, cost ${money(run.cost)}${reuse}`;
}

function stepTable({ run, searches }: Snapshot, colors: Colors): string {
  const now = Date.now();
  const columns: Column[] = [
    { title: 'step' },
    { title: 'kind' },
    { title: 'status' },
    { title: 'time', align: 'right' },
    { title: 'cost', align: 'right' },
    { title: 'note' },
  ];
  const rows = run.steps.map((step) => [
    step.id,
    step.kind,
    status(step.status, colors),
    timeOf(step, now),
    step.cost > 0 ? money(step.cost) : '',
    noteOf(step, searches[step.id], now),
  ]);
  return table(columns, rows, colors.dim);
}

const timeOf = (step: StepState, now: number): string => (step.status === 'cached' ? '' : between(step.startedAt, step.endedAt, now));

function status(name: string, colors: Colors): string {
  if (name === 'failed') return colors.red(name);
  return name === 'succeeded' || name === 'cached' ? colors.green(name) : name;
}

export const json = (value: LedgerValue | undefined): Record<string, Json> =>
  typeof value === 'string' && value !== '' ? (JSON.parse(value) as Record<string, Json>) : {};
const number = (value: LedgerValue | undefined): number | null => (typeof value === 'number' ? value : null);

type Searched = Pick<SearchSpec, 'objective' | 'metricConstraints'>;

/** Of one search; the columns of metrics are those of its trials. */
export function trialTable(
  trials: readonly LedgerRow<'trials'>[],
  colors: Colors,
  { objective, metricConstraints = [] }: Searched,
): string {
  const eligible = trialsOf(trials, String(trials[0]?.step), undefined).filter((trial) => mayBeBest(trial, metricConstraints));
  const best = ranked(eligible, objective.goal)[0]?.trial;
  const metrics = [...new Set(trials.flatMap((trial) => Object.keys(json(trial.metrics))))]
    .filter((name) => name !== objective.metric)
    .slice(0, MAX_METRICS);
  const right = (title: string): Column => ({ title, align: 'right' });
  const columns = [
    right('trial'),
    { title: 'status' },
    right(objective.metric),
    ...metrics.map(right),
    right('attempts'),
    right('cost'),
    right('time'),
    { title: 'parameters' },
    { title: 'reason' },
  ];
  const rows = trials.map((trial) => {
    const shown = metric(number(trial.objective));
    const seconds = number(trial.seconds);
    return [
      String(trial.trial),
      status(String(trial.status), colors),
      Number(trial.trial) === best ? colors.bold(colors.green(shown)) : shown,
      ...metrics.map((name) => metric(numeric(json(trial.metrics)[name]))),
      String(trial.attempts ?? ''),
      money(number(trial.cost) ?? 0),
      seconds === null ? '' : duration(seconds * 1000),
      parameters(json(trial.parameters)),
      [trial.origin === REPLICATE ? `replicate of trial ${Number(trial.parent_trial)}` : '', trial.reason ?? ''].filter(Boolean).join(': '),
    ];
  });
  return table(columns, rows, colors.dim);
}
const MAX_METRICS = 4;

const numeric = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null);

/** Scorers as rows, metrics as columns, with their intervals. */
export function evaluationTable(data: RunData, step: StepState, colors: Colors): string {
  const rows = evaluationRows(data, step);
  const cells = rows.length > 0 ? rows.map((row) => [String(row.scorer), String(row.metric), interval(row)] as const) : fromOutputs(step);
  const metrics = [...new Set(cells.map(([, name]) => name))];
  const scorers = [...new Set(cells.map(([scorer]) => scorer))];
  const value = (scorer: string, name: string): string => cells.find((cell) => cell[0] === scorer && cell[1] === name)?.[2] ?? '';
  return table(
    [{ title: step.id }, ...metrics.map((title): Column => ({ title, align: 'right' }))],
    scorers.map((scorer) => [scorer, ...metrics.map((name) => value(scorer, name))]),
    colors.dim,
  );
}

/** Its own rows, or for a step from the cache those of the run that made it: they say what the outputs say. */
function evaluationRows({ run, evaluations }: RunData, step: StepState): LedgerRow<'evaluations'>[] {
  const rows = evaluations.filter((row) => row.step === step.id && row.early !== true && (row.segment ?? '') === '');
  const maker = step.cacheHit ? rows.find((row) => row.scorer === MODEL && step.outputs[String(row.metric)] === row.value)?.run : run.run;
  return rows.filter((row) => row.run === maker);
}

function interval(row: LedgerRow<'evaluations'>): string {
  const value = metric(number(row.value));
  return `${value}${intervalAfter({ low: number(row.low), high: number(row.high), units: row.units }, metric)}`;
}

/** Where the ledger has no rows, e.g. of an evaluation that another pipeline made. */
function fromOutputs(step: StepState): (readonly [string, string, string])[] {
  return Object.entries(step.outputs).flatMap(([name, value]) => {
    if (typeof value !== 'number') return [];
    const baseline = name.startsWith('baseline_');
    return [[baseline ? 'baseline' : 'model', baseline ? name.slice('baseline_'.length) : name, metric(value)] as const];
  });
}

/** Everything, for the end of `longhaul run`. */
export function summary(data: RunData, colors: Colors): string {
  const parts = [colors.bold(headline(data)), stepTable(data, colors)];
  for (const step of data.run.steps) {
    if (step.kind === 'search') {
      const trials = data.trials.filter((trial) => trial.step === step.id);
      const spec = [...data.document.steps, ...data.document.onExit].find((one) => one.id === step.id)?.spec;
      if (trials.length > 0 && spec?.kind === 'search') parts.push(trialTable(trials, colors, spec));
    }
    if (step.kind === 'evaluate' && Object.keys(step.outputs).length > 0) parts.push(evaluationTable(data, step, colors));
  }
  return parts.join('\n\n');
}

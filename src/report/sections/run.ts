/** The sections of one run below its verdict. */
import type { ChartData, ChartGroup, PlacedChart } from '../../present/chart-data.ts';
import { auditsShown } from '../../present/audits.ts';
import { dagSvg, STATUS_MARKS } from '../../present/charts/dag.ts';
import { attemptsOf, placeOf, type TrialView } from '../../present/charts/views.ts';
import type { ReportData } from '../../present/report-data.ts';
import { evaluationsOf, intervalOf } from '../../present/evaluations.ts';
import { failuresOf } from '../../present/failures.ts';
import { between, bytes, count, duration, metric, money, parameters, short } from '../../present/format.ts';
import { html, trusted, type Markup } from '../../present/html.ts';
import { changesSince, provenanceOf } from '../../present/provenance.ts';
import { adviceLines, adviceOf } from '../../present/sizes.ts';
import { table } from '../tables.ts';
import { comparisonsBy } from '../../present/verdict.ts';
import { metricsOf } from '../../present/charts/metrics-with-intervals.ts';
import { figures } from './figures.ts';
import { findingsSection } from './search.ts';
import { comparisonTable } from './verdict.ts';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

/** Longer values of outputs and specifications are for `--format json`. */
const LONGEST_VALUE = 400;

export function sectionsOf(data: ReportData, charts: ChartData, placed: readonly PlacedChart[], prefix: string): Section[] {
  const { currency } = charts;
  const of = (group: ChartGroup, step: string | null = null): Markup =>
    figures(
      placed.filter((chart) => chart.group === group && (step === null || chart.step === step)),
      prefix,
    );
  const all: (Section | null)[] = [
    sectionOf('quality', 'Quality', evaluationSection(data, of('evaluation'))),
    sectionOf('failures', 'Failures', failureSection(data)),
    sectionOf('checks', 'Checks of the data', checkSection(data)),
    { id: 'steps', title: 'Steps', body: stepsSection(data, currency) },
    sectionOf('timeline', 'Timeline', html`${of('timeline')}${attemptTable(data, currency)}`),
    ...charts.searches.map((search) =>
      sectionOf(
        `search-${search.step}`,
        `Search: ${search.step}`,
        html`${tensorboardOf(data, search.step)}${of('search', search.step)}${findingsSection(search.findings)}${trialTable(search.trials, search.objective.metric, currency)}`,
      ),
    ),
    sectionOf('cost', 'Cost', html`${of('cost')}${costTable(data, currency)}`),
    sectionOf('sizes', 'Use and size', sizeSection(data)),
    sectionOf('audits', 'Audits', auditSection(data)),
    { id: 'provenance', title: 'Provenance', body: provenanceSection(data) },
  ];
  return all.filter((section) => section !== null).map((section) => ({ ...section, id: `${prefix}${section.id}` }));
}

const sectionOf = (id: string, title: string, body: Markup): Section | null => (body.text.trim() === '' ? null : { id, title, body });

function auditSection({ audits = [] }: ReportData): Markup {
  if (audits.length === 0) return html``;
  return table('Parts that were trained again, and whether all bits came out equal', auditsShown(audits), [
    { title: 'what', cell: (row) => row.what },
    { title: 'where', cell: (row) => row.where },
    { title: 'result', cell: (row) => row.result },
    { title: 'first difference', cell: (row) => row.difference },
    { title: 'in words', cell: (row) => row.detail },
  ]);
}

const OUTCOMES: Readonly<Record<string, string>> = { pass: '✔ pass', warn: '≈ warn', fail: '✘ fail' };

/** Rules that do not hold come first. */
function checkSection({ checks = [], run }: ReportData): Markup {
  const rows = checks.filter((row) => row.run === run.run);
  if (rows.length === 0) return html``;
  const order = ['fail', 'warn', 'pass'];
  const sorted = [...rows].sort((a, b) => order.indexOf(String(a.outcome)) - order.indexOf(String(b.outcome)));
  return table('Rules of check steps', sorted, [
    { title: 'outcome', cell: (row) => OUTCOMES[String(row.outcome)] ?? String(row.outcome) },
    { title: 'step', cell: (row) => String(row.step) },
    { title: 'rule', cell: (row) => String(row.rule) },
    { title: 'table', cell: (row) => String(row.table) },
    { title: 'found', cell: (row) => metric(typeof row.value === 'number' ? row.value : null), number: (row) => Number(row.value ?? 0) },
    { title: 'expected', cell: (row) => String(row.limit ?? '') },
    { title: 'in words', cell: (row) => String(row.detail ?? '') },
  ]);
}

function evaluationSection(data: ReportData, pictures: Markup): Markup {
  const evaluated = data.run.steps.filter((step) => step.kind === 'evaluate').map((step) => ({ step, rows: evaluationsOf(data, step) }));
  const comparisons = evaluated.flatMap(({ step, rows }) => metricsOf(rows).flatMap((name) => comparisonsBy(step.id, rows, name)));
  const segments = evaluated.flatMap(({ rows }) => rows).filter((row) => (row.segment ?? '') !== '');
  const value = (row: (typeof segments)[number], name: 'value' | 'low' | 'high'): number | null =>
    typeof row[name] === 'number' ? row[name] : null;
  const bySegment = table('Metrics by segment', segments, [
    { title: 'segment', cell: (row) => `${String(row.segment)} ${String(row.segment_value)}` },
    { title: 'metric', cell: (row) => String(row.metric) },
    { title: 'scorer', cell: (row) => String(row.scorer) },
    { title: 'value', cell: (row) => metric(value(row, 'value')), number: (row) => value(row, 'value') },
    {
      title: 'interval',
      cell: (row) => intervalOf({ low: value(row, 'low'), high: value(row, 'high'), units: row.units }, metric),
    },
    {
      title: 'sessions',
      cell: (row) => (typeof row.sessions === 'number' ? count(row.sessions) : ''),
      number: (row) => Number(row.sessions ?? 0),
    },
  ]);
  const more =
    segments.length === 0
      ? html``
      : html`<details>
          <summary>By segment, as a table</summary>
          ${bySegment}
        </details>`;
  return html`${comparisonTable(comparisons)}${pictures}${more}`;
}

function failureSection(data: ReportData): Markup {
  return table('What went wrong, and what to do', failuresOf(data), [
    { title: 'where', cell: ({ where }) => where, wide: true },
    {
      title: 'what',
      cell: ({ what, severity }) => html`<span class="outcome ${severity === 'failed' ? 'worse' : 'unclear'}">${what}</span>`,
    },
    { title: 'cause', cell: ({ cause }) => html`<span class="log">${cause}</span>`, wide: true },
    { title: 'remedy', cell: ({ remedy }) => remedy, wide: true },
  ]);
}

function stepsSection(data: ReportData, currency: string): Markup {
  const { run, graph, now } = data;
  const svg = dagSvg({ graph, run, now, currency });
  const took = (step: (typeof run.steps)[number]): number | null =>
    step.startedAt === null ? null : ((step.endedAt ?? now) - step.startedAt) / 1000;
  const steps = table('Steps', run.steps, [
    { title: 'step', cell: ({ id }) => id },
    { title: 'kind', cell: ({ kind }) => kind },
    { title: 'status', cell: ({ status }) => html`<span class="status-${status}">${STATUS_MARKS[status]} ${status}</span>` },
    { title: 'time', cell: (step) => (step.cacheHit ? '' : between(step.startedAt, step.endedAt, now)), number: took },
    { title: 'cost', cell: ({ cost }) => (cost > 0 ? money(cost, currency) : ''), number: ({ cost }) => cost },
    { title: 'outputs', cell: ({ outputs }) => outputsOf(outputs), wide: true },
    { title: 'note', cell: ({ reason }) => reason, wide: true },
  ]);
  return html`<div class="scroll" role="group" tabindex="0" aria-label="Graph of the steps">${trusted(svg)}</div>
    ${steps}`;
}

/** Only addresses: whatever else stands there is not made a link. */
function tensorboardOf({ searches, document }: ReportData, step: string): Markup {
  const url = searches[step]?.tensorboard;
  if (url === undefined || !/^https?:\/\//.test(url)) return html``;
  const kept = duration(document.profile.tensorboard.keepSeconds * 1000);
  return html`<p>
    TensorBoard: <a href="${url}" rel="noopener noreferrer">${url}</a>
    <span class="muted">(removed ${kept} after the last search that uses it)</span>
  </p>`;
}

function outputsOf(outputs: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(outputs).flatMap(([name, value]) => {
    if (value === null || (typeof value === 'object' && name === 'metrics')) return [];
    if (name === 'bytes' && typeof value === 'number') return [`${name} ${bytes(value)}`];
    return [
      `${name} ${typeof value === 'number' ? (Number.isInteger(value) ? count(value) : metric(value)) : typeof value === 'string' ? value : JSON.stringify(value)}`,
    ];
  });
  return cut(shown.join(', '));
}

const cut = (text: string): string => (text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text);

type AttemptRow = ReportData['attempts'][number];
const inMib = (mib: number): string => bytes(mib * 1024 ** 2);
const share = (value: AttemptRow['gpu_used']): string => (typeof value === 'number' ? `${Math.round(value * 100)} %` : '');

/** Nothing where nobody measured. */
function used(row: AttemptRow | undefined, mean: keyof AttemptRow, peak: keyof AttemptRow, told: (value: number) => string): string {
  const [usual, highest] = [row?.[mean], row?.[peak]];
  return typeof usual === 'number' && typeof highest === 'number' ? `${told(usual)} (${told(highest)})` : '';
}

/** Of each search what was used of what was asked for, and what would do. */
function sizeSection(data: ReportData): Markup {
  const { currency } = data.document.profile;
  return html`${adviceOf(data.document, data.attempts).map(
    (advice) =>
      html`<h3>${advice.step}</h3>
        <ul>
          ${adviceLines(advice, currency).map((line) => html`<li>${line}</li>`)}
        </ul>`,
  )}`;
}

function attemptTable(data: ReportData, currency: string): Markup {
  const attempts = attemptsOf(data.attempts);
  if (attempts.length === 0) return html``;
  const jobs = new Map(data.attempts.map((row) => [`${String(row.step)}/${String(row.trial)}/${String(row.attempt)}`, row]));
  const rowOf = (attempt: (typeof attempts)[number]) => jobs.get(`${attempt.step}/${attempt.trial}/${attempt.attempt}`);
  const seconds = (attempt: (typeof attempts)[number]): number => ((attempt.endedAt ?? data.now) - attempt.startedAt) / 1000;
  const body = table('Attempts', attempts, [
    { title: 'trial', cell: ({ trial }) => trial, number: ({ trial }) => trial },
    { title: 'attempt', cell: ({ attempt }) => attempt, number: ({ attempt }) => attempt },
    { title: 'pool', cell: placeOf },
    { title: 'node', cell: (attempt) => String(rowOf(attempt)?.node ?? '') },
    { title: 'end', cell: ({ verdict }) => verdict },
    { title: 'cause', cell: ({ cause }) => cause, wide: true },
    { title: 'time', cell: (attempt) => duration(seconds(attempt) * 1000), number: seconds },
    { title: 'cost', cell: ({ cost }) => money(cost, currency), number: ({ cost }) => cost },
    {
      title: 'samples lost',
      cell: ({ lostSamples }) => (lostSamples > 0 ? count(lostSamples) : ''),
      number: ({ lostSamples }) => lostSamples,
    },
    { title: 'cores (peak)', cell: (attempt) => used(rowOf(attempt), 'cpu_used', 'cpu_peak', short) },
    { title: 'memory (peak)', cell: (attempt) => used(rowOf(attempt), 'memory_used_mb', 'memory_peak_mb', inMib) },
    { title: 'GPU in use', cell: (attempt) => share(rowOf(attempt)?.gpu_used) },
    { title: 'waited for data', cell: (attempt) => share(rowOf(attempt)?.wait_share) },
    { title: 'job', cell: (attempt) => html`<code>${String(rowOf(attempt)?.job ?? '')}</code>` },
  ]);
  return html`<details>
    <summary>${attempts.length} attempts</summary>
    ${body}
  </details>`;
}

function trialTable(trials: readonly TrialView[], objective: string, currency: string): Markup {
  const metrics = [...new Set(trials.flatMap((trial) => Object.keys(trial.metrics)))].filter((name) => name !== objective);
  const seconds = ({ startedAt, endedAt }: TrialView): number | null =>
    startedAt === null || endedAt === null ? null : (endedAt - startedAt) / 1000;
  const took = (trial: TrialView): string => duration((seconds(trial) ?? 0) * 1000);
  return table('Trials', trials, [
    { title: 'trial', cell: ({ trial }) => trial, number: ({ trial }) => trial },
    { title: 'status', cell: ({ status }) => status },
    { title: objective, cell: (trial) => metric(trial.objective), number: (trial) => trial.objective },
    ...metrics.map((name) => ({
      title: name,
      cell: (trial: TrialView) => metric(trial.metrics[name]),
      number: (trial: TrialView) => trial.metrics[name] ?? null,
    })),
    { title: 'attempts', cell: ({ attempts }) => attempts, number: ({ attempts }) => attempts },
    { title: 'time', cell: (trial) => (seconds(trial) === null ? '' : took(trial)), number: seconds },
    { title: 'cost', cell: ({ cost }) => money(cost, currency), number: ({ cost }) => cost },
    { title: 'parameters', cell: (trial) => parameters(trial.parameters), wide: true },
    {
      title: 'origin',
      cell: ({ origin, parent }) => (origin === 'sampler' ? '' : `${origin}${parent === null ? '' : ` of trial ${parent}`}`),
    },
    { title: 'reason', cell: ({ reason }) => reason, wide: true },
  ]);
}

interface PoolCost {
  readonly pool: string;
  readonly attempts: number;
  readonly preemptions: number;
  readonly hours: number;
  readonly cost: number;
  readonly onDemand: number;
}

function costTable(data: ReportData, currency: string): Markup {
  const pools = new Map<string, PoolCost>();
  for (const attempt of attemptsOf(data.attempts)) {
    const { verdict, startedAt, endedAt, cost, onDemandCost } = attempt;
    const pool = placeOf(attempt);
    const sum = pools.get(pool) ?? { pool, attempts: 0, preemptions: 0, hours: 0, cost: 0, onDemand: 0 };
    pools.set(pool, {
      pool,
      attempts: sum.attempts + 1,
      preemptions: sum.preemptions + (verdict === 'preempted' ? 1 : 0),
      hours: sum.hours + ((endedAt ?? data.now) - startedAt) / 3_600_000,
      cost: sum.cost + cost,
      onDemand: sum.onDemand + onDemandCost,
    });
  }
  return table(
    'Cost by pool',
    [...pools.values()],
    [
      { title: 'pool', cell: ({ pool }) => pool },
      { title: 'attempts', cell: ({ attempts }) => attempts, number: ({ attempts }) => attempts },
      { title: 'preemptions', cell: ({ preemptions }) => preemptions, number: ({ preemptions }) => preemptions },
      { title: 'hours', cell: ({ hours }) => hours.toFixed(2), number: ({ hours }) => hours },
      { title: 'paid', cell: ({ cost }) => money(cost, currency), number: ({ cost }) => cost },
      { title: 'on demand', cell: ({ onDemand }) => money(onDemand, currency), number: ({ onDemand }) => onDemand },
      { title: 'saved', cell: ({ cost, onDemand }) => money(onDemand - cost, currency), number: ({ cost, onDemand }) => onDemand - cost },
    ],
  );
}

function provenanceSection(data: ReportData): Markup {
  const facts = table('Where it comes from', provenanceOf(data), [
    { title: 'what', cell: ({ what }) => what },
    { title: 'value', cell: ({ value }) => html`<code>${value}</code>`, wide: true },
  ]);
  const since = changesSince(data);
  if (since === null)
    return html`${facts}
      <p class="muted">There is no earlier run of this pipeline to compare with.</p>`;
  if (since.changes.length === 0)
    return html`${facts}
      <p>Nothing in the run document differs from ${since.run}, the run before.</p>`;
  const shown = (value: unknown): string => (value === undefined ? '–' : cut(typeof value === 'string' ? value : JSON.stringify(value)));
  const changes = table(`What changed since ${since.run}, the run before`, since.changes, [
    { title: 'path', cell: ({ path }) => html`<code>${path}</code>` },
    { title: 'before', cell: ({ before }) => html`<span class="log">${shown(before)}</span>`, wide: true },
    { title: 'now', cell: ({ after }) => html`<span class="log">${shown(after)}</span>`, wide: true },
  ]);
  return html`${facts}${changes}`;
}

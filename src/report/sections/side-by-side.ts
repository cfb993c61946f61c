/** Several runs as columns: what they came to, cost and took. */
import { costFigures } from '../../present/charts/cost-figures.ts';
import { chartData } from '../../present/chart-data.ts';
import type { ReportData } from '../../present/report-data.ts';
import { evaluationsOf, intervalAfter, MODEL } from '../../present/evaluations.ts';
import { numberOf } from '../../present/charts/views.ts';
import { duration, metric, money } from '../../present/format.ts';
import { html, type Markup } from '../../present/html.ts';
import { table } from '../tables.ts';
import { comparable, differences } from '../../present/differences.ts';
import { verdictOf } from '../../present/verdict.ts';

interface Line {
  readonly what: string;
  readonly values: readonly string[];
}

export function sideBySide(runs: readonly ReportData[]): Markup {
  const facts = runs.map(factsOf);
  const names = [...new Set(facts.flatMap((one) => [...one.keys()]))];
  const lines: Line[] = names.map((what) => ({ what, values: facts.map((one) => one.get(what) ?? '') }));
  const columns = [
    { title: 'fact', cell: (line: Line) => line.what },
    ...runs.map(({ run }, index) => ({ title: run.run, cell: (line: Line) => line.values[index] ?? '', wide: true })),
  ];
  return html`${table('Runs side by side', lines, columns)}${specifications(runs)}`;
}

export function factsOf(data: ReportData): Map<string, string> {
  const { run, document } = data;
  const charts = chartData(data);
  const figures = costFigures({
    run,
    trials: charts.searches.flatMap(({ trials }) => trials),
    attempts: charts.attempts,
    plannedTrials: 0,
  });
  const facts = new Map<string, string>([
    ['verdict', verdictOf(data).headline],
    ['status', run.status],
    ['started', new Date(run.startedAt).toISOString()],
    ['time', duration((run.endedAt ?? data.now) - run.startedAt)],
    ['cost', money(figures.spent, document.profile.currency)],
    ['saved by spot', money(figures.saved, document.profile.currency)],
    ['lost', money(figures.lost, document.profile.currency)],
    ['commit', document.source.commit ?? 'none'],
  ]);
  for (const step of run.steps) {
    if (typeof step.outputs.best_objective === 'number') facts.set(`${step.id}: best objective`, metric(step.outputs.best_objective));
    if (step.kind !== 'evaluate') continue;
    for (const row of evaluationsOf(data, step)) {
      if (row.scorer !== MODEL || (row.segment ?? '') !== '' || typeof row.value !== 'number') continue;
      const interval = intervalAfter({ low: numberOf(row.low), high: numberOf(row.high), units: row.units }, metric);
      facts.set(`${step.id}: ${String(row.metric)}`, `${metric(row.value)}${interval}`);
    }
  }
  return facts;
}

/** What each run's document has that the last one's has not: `runs` come newest first. */
function specifications(runs: readonly ReportData[]): Markup {
  const oldest = runs.at(-1);
  if (!oldest) return html``;
  const shown = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value).slice(0, 300));
  return html`${runs.slice(0, -1).map((data) =>
    table(
      `What ${data.run.run} has otherwise than ${oldest.run.run}`,
      differences(comparable(oldest.document), comparable(data.document)),
      [
        { title: 'path', cell: ({ path }) => html`<code>${path}</code>` },
        { title: oldest.run.run, cell: ({ before }) => shown(before), wide: true },
        { title: data.run.run, cell: ({ after }) => shown(after), wide: true },
      ],
    ),
  )}`;
}

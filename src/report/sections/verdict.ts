/** The verdict: a sentence, what it rests on, and the figures of the run at a glance. */
import { costFigures } from '../../present/charts/cost-figures.ts';
import type { ChartData } from '../../present/chart-data.ts';
import type { ReportData } from '../../present/report-data.ts';
import { duration, metric, money } from '../../present/format.ts';
import { intervalOf } from '../../present/evaluations.ts';
import { html, type Markup } from '../../present/html.ts';
import { table } from '../tables.ts';
import { signed, type Comparison, type Verdict } from '../../present/verdict.ts';

const MARKS = { good: '✔', bad: '✘', warn: '≈', open: '●' } as const;

export function verdictSection(data: ReportData, charts: ChartData, verdict: Verdict): Markup {
  const { run, document } = data;
  const tiles = tilesOf(data, charts).map(
    ([what, value]) =>
      html`<div>
        <dt>${what}</dt>
        <dd>${value}</dd>
      </div>`,
  );
  return html`<header class="verdict ${verdict.tone}">
    <p class="kicker">${run.pipeline} · ${run.run}</p>
    <h1><span aria-hidden="true">${MARKS[verdict.tone]}</span> ${verdict.headline}</h1>
    ${verdict.sentences.map((sentence) => html`<p>${sentence}</p>`)}
    ${document.description === '' ? '' : html`<p class="muted">${document.description}</p>`}
    <dl class="tiles">${tiles}</dl>
  </header>`;
}

export const comparisonTable = (comparisons: readonly Comparison[]): Markup =>
  table('The model against others, with confidence intervals of the paired differences', comparisons, [
    { title: 'metric', cell: ({ metric: name }) => name },
    { title: 'against', cell: ({ against }) => against },
    { title: 'model', cell: ({ value }) => metric(value), number: ({ value }) => value },
    { title: 'other', cell: ({ other }) => metric(other), number: ({ other }) => other },
    { title: 'difference', cell: ({ difference }) => signed(difference), number: ({ difference }) => difference },
    { title: 'interval', cell: (one) => intervalOf(one, signed) },
    { title: 'outcome', cell: ({ outcome }) => html`<span class="outcome ${outcome}">${outcome}</span>` },
  ]);

function tilesOf({ run, now }: ReportData, charts: ChartData): [string, string][] {
  const { currency } = charts;
  const figures = costFigures({
    run,
    trials: charts.searches.flatMap((search) => search.trials),
    attempts: charts.attempts,
    plannedTrials: charts.searches.reduce((sum, search) => sum + search.plannedTrials, 0),
    budget: charts.budget,
  });
  const preemptions = charts.attempts.filter((attempt) => attempt.verdict === 'preempted').length;
  const trials = charts.searches.flatMap((search) => search.trials).length;
  return [
    ['status', run.status],
    ['time', duration((run.endedAt ?? now) - run.startedAt)],
    ['cost', money(figures.spent, currency)],
    ...(run.endedAt === null ? [['forecast', money(figures.forecast, currency)] as [string, string]] : []),
    ['saved by spot', money(figures.saved, currency)],
    ['lost', money(figures.lost, currency)],
    ['steps', `${run.steps.length}`],
    ['trials', `${trials}`],
    ['preemptions', `${preemptions}`],
  ];
}

/** Which charts a run has. The same function runs in Node, for captions and alternatives, and in the page, for the pictures. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { Importance } from '../contract/sampler.ts';
import type { MetricConstraint, Objective, Space } from '../contract/search-space.ts';
import type { RunState } from '../contract/state.ts';
import type { ReportData } from './report-data.ts';
import { evaluationsOf } from './evaluations.ts';
import { costChart } from './charts/cost.ts';
import type { Chart } from './charts/chart.ts';
import { importanceChart } from './charts/importance.ts';
import { learningCurves } from './charts/learning-curves.ts';
import { metricBySegment, metricIntervals, metricsOf, pairedDifferences, segmentsOf } from './charts/metrics-with-intervals.ts';
import { offlineMetrics, offlineQuality } from './charts/offline-quality.ts';
import { parallelCoordinates } from './charts/parallel-coordinates.ts';
import { findingsOf, mayBeBest, type SearchFindings } from './search-findings.ts';
import { effortOf, paretoFront } from './charts/pareto-front.ts';
import type { ChartTheme } from './charts/theme.ts';
import { timeline } from './charts/timeline.ts';
import {
  attemptsOf,
  curvePointsOf,
  ranked,
  runningAttempts,
  trialsOf,
  type AttemptView,
  type CurvePoint,
  type TrialView,
} from './charts/views.ts';

interface SearchCharts {
  readonly step: string;
  readonly objective: Objective;
  readonly others: readonly Objective[];
  readonly constraints: readonly MetricConstraint[];
  readonly findings: SearchFindings;
  readonly space: Space;
  readonly plannedTrials: number;
  readonly trials: readonly TrialView[];
  readonly points: readonly CurvePoint[];
  readonly early: readonly LedgerRow<'evaluations'>[];
  readonly importance: Importance | null;
}

/** Plain data: it goes into the page as JSON. */
export interface ChartData {
  readonly run: RunState;
  readonly now: number;
  readonly currency: string;
  readonly budget: number | null;
  readonly attempts: readonly AttemptView[];
  readonly searches: readonly SearchCharts[];
  readonly evaluations: readonly { readonly step: string; readonly rows: readonly LedgerRow<'evaluations'>[] }[];
}

/** More points than pixels show nothing more. */
const MAX_POINTS = 300;

export function chartData(data: ReportData): ChartData {
  const searches = data.document.steps.flatMap(({ id, spec }): SearchCharts[] => {
    if (spec.kind !== 'search') return [];
    const trials = trialsOf(data.trials, id, data.searches[id]);
    return [
      {
        step: id,
        objective: spec.objective,
        others: spec.alsoOptimize,
        constraints: spec.metricConstraints ?? [],
        findings: findingsOf(trials, spec),
        space: spec.space,
        plannedTrials: data.searches[id]?.plannedTrials ?? spec.trials,
        trials,
        points: thinned(curvePointsOf(data.progress.filter((row) => row.step === id))),
        early: data.evaluations.filter((row) => row.step === id && row.early === true),
        importance: data.importance?.[id] ?? null,
      },
    ];
  });
  const ended = attemptsOf(data.attempts);
  const running = runningAttempts(
    searches.flatMap((search) => search.trials),
    ended,
  );
  const budgets = [
    data.document.budget.cost,
    ...data.document.steps.map(({ spec }) => (spec.kind === 'search' ? spec.budget.cost : undefined)),
  ];
  return {
    run: { ...data.run, steps: data.run.steps.map((step) => ({ ...step, outputs: {} })) },
    now: data.now,
    currency: data.document.profile.currency,
    budget: budgets.find((budget) => budget !== undefined) ?? null,
    attempts: [...ended, ...running],
    searches,
    evaluations: data.run.steps
      .filter((step) => step.kind === 'evaluate')
      .map((step) => ({ step: step.id, rows: evaluationsOf(data, step) }))
      .filter(({ rows }) => rows.length > 0),
  };
}

function thinned(points: readonly CurvePoint[]): CurvePoint[] {
  const counts = new Map<number, number>();
  for (const { trial } of points) counts.set(trial, (counts.get(trial) ?? 0) + 1);
  const seen = new Map<number, number>();
  return points.filter(({ trial }) => {
    const index = seen.get(trial) ?? 0;
    seen.set(trial, index + 1);
    const total = counts.get(trial) ?? 0;
    const every = Math.ceil(total / MAX_POINTS);
    return index % every === 0 || index === total - 1;
  });
}

export type ChartGroup = 'evaluation' | 'timeline' | 'search' | 'cost';
export interface PlacedChart {
  readonly id: string;
  readonly group: ChartGroup;
  readonly step: string | null;
  readonly chart: Chart;
}

/** All charts that have something to show, in the order of the report. */
export function chartsOf(data: ChartData, theme: ChartTheme): PlacedChart[] {
  const { run, attempts, currency, budget, now } = data;
  const placed = (group: ChartGroup, step: string | null, name: string, chart: Chart | null): PlacedChart[] =>
    chart === null ? [] : [{ id: [name, step].filter((part) => part !== null).join('-'), group, step, chart }];
  const trials = data.searches.flatMap((search) => search.trials);
  const planned = data.searches.reduce((sum, search) => sum + search.plannedTrials, 0);
  return [
    ...data.evaluations.flatMap(({ step, rows }) =>
      metricsOf(rows).flatMap((metric) => placed('evaluation', step, `metric-${metric}`, metricIntervals(rows, metric, theme))),
    ),
    ...data.evaluations.flatMap(({ step, rows }) =>
      metricsOf(rows).flatMap((metric) => placed('evaluation', step, `difference-${metric}`, pairedDifferences(rows, metric, theme))),
    ),
    ...data.evaluations.flatMap(({ step, rows }) =>
      segmentsOf(rows).flatMap((segment) =>
        metricsOf(rows).flatMap((metric) =>
          placed('evaluation', step, `segment-${segment}-${metric}`, metricBySegment(rows, metric, segment, theme)),
        ),
      ),
    ),
    ...placed('timeline', null, 'timeline', timeline({ run, attempts, now, currency }, theme)),
    ...data.searches.flatMap((search) =>
      searchCharts(search, currency, theme).flatMap(([name, chart]) => placed('search', search.step, name, chart)),
    ),
    ...placed('cost', null, 'cost', costChart({ run, trials, attempts, plannedTrials: planned, budget, now, currency }, theme)),
  ];
}

function searchCharts(search: SearchCharts, currency: string, theme: ChartTheme): [string, Chart | null][] {
  const { trials, points, objective, others, constraints, early, step } = search;
  const { metric, goal } = objective;
  const loss = ['validation_loss', 'loss'].find(
    (name) => name !== metric && points.some((point) => typeof point.metrics[name] === 'number'),
  );
  const other = others[0] ?? effortOf(trials);
  return [
    ['curves', learningCurves({ trials, points, metric, goal, constraints }, theme)],
    [
      'curves-loss',
      loss === undefined ? null : learningCurves({ trials, points, metric: loss, goal: 'minimize', highlight: bestTrials(search) }, theme),
    ],
    ['parallel', parallelCoordinates({ trials, metric, goal, space: search.space }, theme)],
    ['importance', search.importance === null ? null : importanceChart(search.importance, theme)],
    ['pareto', paretoFront({ trials, objective: metric, x: other, y: objective, currency, constraints }, theme)],
    ...offlineMetrics(early, step).map((name): [string, Chart | null] => [
      `offline-${name}`,
      offlineQuality({ evaluations: early, step, metric: name }, theme),
    ]),
  ];
}

const HIGHLIGHTED = 6;
/** The same trials have the same colours in every picture of their curves. */
function bestTrials({ trials, objective, constraints }: SearchCharts): number[] {
  const valued = trials.filter((trial) => trial.objective !== null && mayBeBest(trial, constraints));
  return ranked(valued, objective.goal)
    .slice(0, HIGHLIGHTED)
    .map(({ trial }) => trial);
}

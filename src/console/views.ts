/** What the routes answer, made of a run's model. Pure. */
import type { RunDocument } from '../contract/run-document.ts';
import type { Step } from '../contract/steps.ts';
import { textOf } from '../present/charts/views.ts';
import type { RunModel } from './run-model.ts';
import type { ConsoleSource } from './source.ts';
import { thin } from '../present/charts/thin.ts';
import type { ComparedRun, CurvesView, CurveTuple, PoolInfo, RunView, SearchInfo, StepInfo } from './wire.ts';

export function runView(model: RunModel, source: ConsoleSource): RunView {
  const { document } = model;
  return {
    cursor: model.events.cursor,
    state: model.state,
    graph: model.graph,
    steps: [
      ...document.steps.map((step) => stepInfo(step, false, model, source)),
      ...document.onExit.map((step) => stepInfo(step, true, model, source)),
    ],
    searches: model.searches,
    attempts: model.attempts,
    currency: document.profile.currency,
    pools: document.profile.pools.map(poolInfo),
    budget: document.budget,
    description: document.description,
    workflowLink: source.workflowLink(model.id),
    trouble: model.trouble,
  };
}

/** Of a run beside others: what the page of comparisons shows, without trials and attempts. */
export const comparedView = ({ state, document, evaluations }: RunModel): ComparedRun => ({
  state,
  currency: document.profile.currency,
  document,
  evaluations: evaluations.filter((row) => row.early !== true),
});

const poolInfo = ({ name, spot, pricePerHour, onDemandPricePerHour }: RunDocument['profile']['pools'][number]): PoolInfo => ({
  name,
  spot,
  pricePerHour,
  onDemandPricePerHour: onDemandPricePerHour ?? pricePerHour,
});

function stepInfo(step: Step, onExit: boolean, model: RunModel, source: ConsoleSource): StepInfo {
  const row = model.stepRows.find((one) => one.step === step.id);
  const state = model.state.steps.find((one) => one.id === step.id);
  const job = textOf(row?.job);
  const workflow = state?.workflowId ? source.workflowLink(state.workflowId) : null;
  return {
    id: step.id,
    kind: step.spec.kind,
    dependsOn: step.dependsOn,
    onExit,
    source: step.source ? `${step.source.file}:${step.source.line}` : null,
    sql: step.spec.kind === 'query' ? { file: step.spec.sqlFile, text: step.spec.sql } : null,
    search: searchInfo(step),
    links: [
      ...vendorLinks(model.document, state?.outputs.table, job),
      ...(workflow === null ? [] : [{ title: 'Temporal workflow', url: workflow }]),
    ],
    job,
  };
}

export function searchInfo({ spec }: Step): SearchInfo | null {
  if (spec.kind !== 'search') return null;
  return {
    objectives: [spec.objective, ...spec.alsoOptimize],
    constraints: spec.metricConstraints ?? [],
    space: spec.space,
    fixed: spec.fixed,
    stopping: spec.stopping,
    budget: spec.budget,
    resources: spec.resources,
    image: spec.image ?? null,
    command: spec.command ?? null,
  };
}

const BIGQUERY = 'https://console.cloud.google.com/bigquery';

/** Where the vendor's own pages show a table and a job; an embedded warehouse has none. */
function vendorLinks({ profile }: RunDocument, table: unknown, job: string | null): StepInfo['links'] {
  const { warehouse } = profile;
  if (warehouse.kind !== 'bigquery' || warehouse.apiEndpoint !== undefined) return [];
  const links: { title: string; url: string }[] = [];
  if (typeof table === 'string') {
    const [name = '', dataset = '', project = warehouse.project] = table.split('.').reverse();
    const query = new URLSearchParams({ p: project, d: dataset, t: name, page: 'table' });
    links.push({ title: 'Table in BigQuery', url: `${BIGQUERY}?${query.toString()}` });
  }
  if (job !== null) {
    const query = new URLSearchParams({ project: warehouse.project, j: `bq:${warehouse.location}:${job}`, page: 'queryresults' });
    links.push({ title: 'Job in BigQuery', url: `${BIGQUERY}?${query.toString()}` });
  }
  return links;
}

const MIN_POINTS_A_CURVE = 12;
const MAX_POINTS_A_CURVE = 400;

/** @param budget points of all curves together, about */
export function curvesView(model: RunModel, step: string, metric: string, budget: number): CurvesView {
  const trials = model.searches[step]?.trials ?? [];
  const metrics = new Set<string>();
  const curves = trials.map(({ trial }) => {
    const points: CurveTuple[] = [];
    for (const point of model.points(step, trial)) {
      if (point.kind !== 'validation') continue;
      for (const name of Object.keys(point.metrics)) metrics.add(name);
      const value = point.metrics[metric];
      if (typeof value === 'number') points.push([point.samples, value, point.trainingStep, point.epoch, point.attempt]);
    }
    return { trial, points };
  });
  const shown = curves.filter(({ points }) => points.length > 0);
  const each = Math.floor(budget / Math.max(1, shown.length));
  const limit = Math.min(MAX_POINTS_A_CURVE, Math.max(MIN_POINTS_A_CURVE, each));
  return {
    metric,
    metrics: [...metrics].sort(),
    total: shown.reduce((sum, { points }) => sum + points.length, 0),
    series: shown.map(({ trial, points }) => ({ trial, points: thin(points, limit, ([x, y]) => ({ x, y })) })),
  };
}

/** Several runs side by side. */
import { useEffect, useState } from 'preact/hooks';
import type { Json } from '../../../contract/values.ts';
import { metricIntervals, metricsOf } from '../../../present/charts/metrics-with-intervals.ts';
import { between, metric as shown, money, time } from '../../../present/format.ts';
import type { ComparedRun } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { DiffTable } from '../diff-table.tsx';
import { get, RequestError } from '../request.ts';
import { addressOf, Link } from '../router.tsx';
import { Badge, Card, Empty, Loading, Problem, useTitle } from '../ui.tsx';
import { MetricChoice } from './search.tsx';

export function ComparePage({ runs }: { readonly runs: readonly string[] }): preact.JSX.Element {
  useTitle('Compare runs');
  const [views, setViews] = useState<readonly ComparedRun[] | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const query = new URLSearchParams(runs.map((run) => ['run', run])).toString();
  useEffect(() => {
    const controller = new AbortController();
    get<readonly ComparedRun[]>(`/api/compare?${query}`, controller.signal).then(setViews, (failure: unknown) => {
      if (failure instanceof RequestError) setError(failure);
    });
    return () => controller.abort();
  }, [query]);
  return (
    <>
      <div class="page-head">
        <h1>Compare runs</h1>
        <p class="note">
          <Link to={addressOf.runs()}>Choose others</Link>
        </p>
      </div>
      {runs.length < 2 ? (
        <Empty title="Choose two runs or more">
          <p>
            Tick them in the <Link to={addressOf.runs()}>list of runs</Link>.
          </p>
        </Empty>
      ) : error ? (
        <Problem error={error} what="The runs cannot be compared:" />
      ) : views ? (
        <SideBySide views={views} />
      ) : (
        <Loading what="the runs" />
      )}
    </>
  );
}

function SideBySide({ views }: { readonly views: readonly ComparedRun[] }): preact.JSX.Element {
  const [first, second] = views;
  return (
    <>
      <Card title="Side by side">
        <FactsTable views={views} />
      </Card>
      <MetricsCard views={views} />
      {views.length === 2 && first && second ? (
        <Card title="Differences of the run documents">
          <DiffTable before={first.document} after={second.document} names={[first.state.run, second.state.run]} />
        </Card>
      ) : null}
    </>
  );
}

function FactsTable({ views }: { readonly views: readonly ComparedRun[] }): preact.JSX.Element {
  const numbers = views.map(numbersOf);
  const names = [...new Set(numbers.flatMap((of) => Object.keys(of)))];
  const now = Date.now();
  const row = (name: string, cells: readonly preact.ComponentChildren[]): preact.JSX.Element => (
    <tr key={name}>
      <th scope="row">{name}</th>
      {cells.map((cell, index) => (
        <td key={index} class="right">
          {cell}
        </td>
      ))}
    </tr>
  );
  return (
    <div class="table-scroll" role="region" aria-label="Facts of the runs" tabIndex={0}>
      <table class="facts-table">
        <thead>
          <tr>
            <th scope="col">
              <span class="sr-only">Fact</span>
            </th>
            {views.map(({ state }) => (
              <th scope="col" class="right" key={state.run}>
                <Link to={addressOf.run(state.run)}>{state.run}</Link>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {row(
            'status',
            views.map(({ state }) => <Badge key={state.run} status={state.status} />),
          )}
          {row(
            'started',
            views.map(({ state }) => time(state.startedAt, now)),
          )}
          {row(
            'time',
            views.map(({ state }) => between(state.startedAt, state.endedAt, now)),
          )}
          {row(
            'cost',
            views.map(({ state, currency }) => money(state.cost, currency)),
          )}
          {row(
            'document',
            views.map(({ state }) => <code key={state.run}>{state.documentHash.slice(0, 12)}</code>),
          )}
          {names.map((name) =>
            row(
              name,
              numbers.map((of) => shown(of[name])),
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

/** `step.output` → value, of everything that was measured. */
function numbersOf({ state }: ComparedRun): Record<string, number> {
  const measured = state.steps.filter((step) => step.kind === 'search' || step.kind === 'evaluate');
  const values = measured.flatMap((step) =>
    Object.entries(step.outputs).flatMap(([name, value]: [string, Json]) =>
      typeof value === 'number' ? [[`${step.id}.${name}`, value] as const] : [],
    ),
  );
  return Object.fromEntries(values);
}

function MetricsCard({ views }: { readonly views: readonly ComparedRun[] }): preact.JSX.Element | null {
  const names = shortNames(views.map(({ state }) => state.run));
  const rows = views.flatMap(({ evaluations }, index) =>
    evaluations.map((row) => ({ ...row, scorer: `${names[index] ?? ''} · ${String(row.scorer)}` })),
  );
  const metrics = metricsOf(rows);
  const [chosen, setChosen] = useState<string | null>(null);
  const metric = chosen ?? metrics.find((name) => name.startsWith('ndcg')) ?? metrics[0];
  if (metric === undefined) return null;
  return (
    <Card title="Offline metrics" actions={<MetricChoice value={metric} metrics={metrics} onChange={setChosen} />}>
      <ChartView make={(theme) => metricIntervals(rows, metric, theme)} of={[views, metric]} empty="No value." />
    </Card>
  );
}

/** The last part of each name, which tells runs of one pipeline apart; the whole names where it does not. */
function shortNames(runs: readonly string[]): readonly string[] {
  const short = runs.map((run) => run.split('-').at(-1) ?? run);
  return new Set(short).size === runs.length ? short : runs;
}

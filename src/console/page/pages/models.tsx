/** Champion and candidates, their offline metrics with intervals, by segment. */
import { useState } from 'preact/hooks';
import type { LedgerRow, LedgerValue } from '../../../contract/ledger.ts';
import {
  metricBySegment,
  metricIntervals,
  metricsOf,
  pairedDifferences,
  segmentsOf,
} from '../../../present/charts/metrics-with-intervals.ts';
import { numberOf, objectOf, textOf, timeOf } from '../../../present/charts/views.ts';
import { intervalOf } from '../../../present/evaluations.ts';
import { count, metric as shown, time } from '../../../present/format.ts';
import type { RunView } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { useResults } from '../results.ts';
import { addressOf, Link } from '../router.tsx';
import type { RunStore } from '../run-store.ts';
import { Table, type Column } from '../table.tsx';
import { Card, Empty, Figure, Figures, Loading } from '../ui.tsx';
import { MetricChoice } from './search.tsx';

type Evaluation = LedgerRow<'evaluations'>;
type Model = LedgerRow<'models'>;

export function ModelsPage({
  view,
  store,
  now,
}: {
  readonly view: RunView;
  readonly store: RunStore;
  readonly now: number;
}): preact.JSX.Element {
  const results = useResults(store);
  const [chosen, setChosen] = useState<string | null>(null);
  if (!results) return <Loading what="models" />;
  const evaluations = results.evaluations.filter((row) => row.early !== true);
  const metrics = metricsOf(evaluations);
  const metric = chosen ?? metrics.find((name) => name.startsWith('ndcg')) ?? metrics[0];
  const champion = results.models.find((model) => model.stage === 'champion');
  return (
    <>
      <Figures>
        <Figure
          name="Champion"
          value={champion ? (textOf(champion.model) ?? '–') : 'none yet'}
          note={champion ? championNote(champion) : undefined}
        />
        <Figure name="Candidates" value={results.models.filter((model) => model.stage !== 'champion').length} />
        {metric === undefined ? null : <Verdict rows={evaluations} metric={metric} />}
      </Figures>
      {metric === undefined ? (
        <Card title="Metrics">
          <Empty title="Nothing was evaluated yet">
            <p>An evaluate step of the pipeline brings the offline metrics with their confidence intervals here.</p>
          </Empty>
        </Card>
      ) : (
        <>
          <div class="columns">
            <Card
              title="Metrics with intervals"
              actions={<MetricChoice value={metric} metrics={metrics} onChange={setChosen} />}
              note="95 % bootstrap intervals over sessions, unless the pipeline says otherwise."
            >
              <ChartView
                make={(theme) => metricIntervals(evaluations, metric, theme)}
                of={[evaluations, metric]}
                empty="No value of this metric."
              />
            </Card>
            <Card title="Paired differences" note="The same sessions scored by both: an interval without zero is a difference.">
              <ChartView
                make={(theme) => pairedDifferences(evaluations, metric, theme)}
                of={[evaluations, metric]}
                empty="Nothing was compared."
              />
            </Card>
            {segmentsOf(evaluations).map((segment) => (
              <Card key={segment} title={`By ${segment}`}>
                <ChartView
                  make={(theme) => metricBySegment(evaluations, metric, segment, theme)}
                  of={[evaluations, metric, segment]}
                  empty="No value."
                />
              </Card>
            ))}
          </div>
          <Card title="All metrics">
            <MetricTable rows={evaluations} />
          </Card>
        </>
      )}
      <Card title="Models" note="Of all runs of this pipeline.">
        {results.models.length === 0 ? (
          <Empty title="No model is registered yet" />
        ) : (
          <Table
            label="Models"
            rows={results.models}
            columns={modelColumns(view, now)}
            rowKey={(model) => String(model.model)}
            limit={50}
          />
        )}
      </Card>
    </>
  );
}

const championNote = (model: Model): string => {
  const by = textOf(model.promoted_by);
  return by === null ? `of ${model.run}` : `of ${model.run}, promoted by ${by}`;
};

/** The paired difference to what the model was compared with, in words. */
function Verdict({ rows, metric }: { readonly rows: readonly Evaluation[]; readonly metric: string }): preact.JSX.Element | null {
  const row = rows.find((one) => one.metric === metric && (one.segment ?? '') === '' && numberOf(one.difference) !== null);
  if (!row) return null;
  // A gain of the model is positive, whichever of the two the row is about.
  const turned = row.compared_with === 'model';
  const sides = [String(row.scorer), textOf(row.compared_with) ?? ''];
  const signed = (value: LedgerValue | undefined): number | null => {
    const number = numberOf(value);
    return number === null || !turned ? number : -number;
  };
  const difference = signed(row.difference);
  const ends = [signed(row.difference_low), signed(row.difference_high)];
  const [low = null, high = null] = turned ? ends.reverse() : ends;
  const interval = intervalOf({ low, high, units: row.units }, shown);
  return (
    <Figure
      name={(turned ? sides.reverse() : sides).join(' − ')}
      value={`${(difference ?? 0) > 0 ? '+' : ''}${shown(difference)}`}
      note={interval === '' ? metric : `${metric}, ${interval}`}
    />
  );
}

function MetricTable({ rows }: { readonly rows: readonly Evaluation[] }): preact.JSX.Element {
  const columns: Column<Evaluation>[] = [
    { name: 'metric', title: 'Metric', key: (row) => textOf(row.metric), cell: (row) => textOf(row.metric) },
    { name: 'scorer', title: 'Scorer', key: (row) => textOf(row.scorer), cell: (row) => textOf(row.scorer) },
    { name: 'segment', title: 'Segment', key: segmentOf, cell: segmentOf },
    { name: 'value', title: 'Value', align: 'right', key: (row) => numberOf(row.value), cell: (row) => shown(numberOf(row.value)) },
    {
      name: 'interval',
      title: 'Interval',
      align: 'right',
      cell: (row) => intervalOf({ low: numberOf(row.low), high: numberOf(row.high), units: row.units }, shown),
    },
    {
      name: 'sessions',
      title: 'Sessions',
      align: 'right',
      key: (row) => numberOf(row.sessions),
      cell: (row) => {
        const sessions = numberOf(row.sessions);
        return sessions === null ? '' : count(sessions);
      },
    },
  ];
  return <Table label="All metrics" rows={rows} columns={columns} rowKey={keyOf} limit={40} />;
}

const segmentOf = (row: Evaluation): string => {
  const segment = textOf(row.segment);
  return segment === null ? 'all' : `${segment} ${textOf(row.segment_value) ?? ''}`;
};
const keyOf = (row: Evaluation): string =>
  [row.step, row.trial, row.export, row.scorer, row.segment, row.segment_value, row.metric].map(String).join('/');

function modelColumns(view: RunView, now: number): Column<Model>[] {
  return [
    {
      name: 'model',
      title: 'Model',
      key: (model) => textOf(model.model),
      cell: (model) => <span class="strong">{textOf(model.model)}</span>,
    },
    { name: 'stage', title: 'Stage', key: (model) => textOf(model.stage), cell: (model) => textOf(model.stage) },
    {
      name: 'run',
      title: 'Run',
      key: (model) => model.run,
      cell: (model) => (model.run === view.state.run ? 'this run' : <Link to={addressOf.section(model.run, 'models')}>{model.run}</Link>),
    },
    { name: 'trial', title: 'Trial', align: 'right', key: (model) => numberOf(model.trial), cell: (model) => numberOf(model.trial) },
    {
      name: 'metrics',
      title: 'Metrics',
      cell: (model) =>
        Object.entries(objectOf(model.metrics))
          .flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${shown(value)}`] : []))
          .slice(0, 4)
          .join(', '),
    },
    { name: 'by', title: 'Promoted by', key: (model) => textOf(model.promoted_by), cell: (model) => textOf(model.promoted_by) },
    { name: 'why', title: 'Why', cell: (model) => <span class="reason">{textOf(model.why)}</span> },
    {
      name: 'time',
      title: 'Time',
      key: (model) => timeOf(model.time),
      cell: (model) => {
        const at = timeOf(model.time);
        return at === null ? '' : time(at, now);
      },
    },
  ];
}

/** Attempts and files of a trial, as tables. */
import { attemptsOf, numberOf, runningAttempts, textOf, timeOf, trialOfState } from '../../present/charts/views.ts';
import { bytes, count, duration, metric as shown, money, time } from '../../present/format.ts';
import type { AttemptRow, RunView, TrialView } from '../wire.ts';
import { Table, type Column } from './table.tsx';
import { Badge, Card, Empty } from './ui.tsx';

export function Attempts({
  view,
  trial,
  rows,
  now,
}: {
  readonly view: RunView;
  readonly trial: TrialView['trial'];
  readonly rows: readonly AttemptRow[];
  readonly now: number;
}): preact.JSX.Element {
  const open = runningAttempts([trialOfState('', trial)], attemptsOf(rows.map((row) => ({ ...row, step: '' })))).map(
    ({ attempt, pool, startedAt, cost }): AttemptRow => ({
      pipeline: view.state.pipeline,
      run: view.state.run,
      time: '',
      attempt,
      pool,
      spot: view.pools.find(({ name }) => name === pool)?.spot ?? false,
      verdict: 'running',
      started_at: new Date(startedAt).toISOString(),
      seconds: Math.max(0, now - startedAt) / 1000,
      cost,
    }),
  );
  const all = [...rows, ...open];
  if (all.length === 0) return <Empty title="No attempt yet" />;
  const columns: Column<AttemptRow>[] = [
    { name: 'attempt', title: 'Attempt', align: 'right', key: (row) => numberOf(row.attempt), cell: (row) => numberOf(row.attempt) },
    { name: 'end', title: 'End', key: (row) => textOf(row.verdict), cell: (row) => <Badge status={textOf(row.verdict) ?? 'running'} /> },
    { name: 'cause', title: 'Cause', cell: (row) => <span class="reason">{textOf(row.cause)}</span> },
    {
      name: 'pool',
      title: 'Pool',
      key: (row) => textOf(row.pool),
      cell: (row) => `${textOf(row.pool) ?? ''}${row.spot === true ? ' (spot)' : ''}`,
    },
    { name: 'node', title: 'Node', key: (row) => textOf(row.node), cell: (row) => textOf(row.node) },
    {
      name: 'started',
      title: 'Started',
      key: (row) => timeOf(row.started_at),
      cell: (row) => {
        const at = timeOf(row.started_at);
        return at === null ? '' : time(at, now);
      },
    },
    {
      name: 'time',
      title: 'Time',
      align: 'right',
      key: (row) => numberOf(row.seconds),
      cell: (row) => {
        const seconds = numberOf(row.seconds);
        return seconds === null ? '' : duration(seconds * 1000);
      },
    },
    {
      name: 'cost',
      title: 'Cost',
      align: 'right',
      key: (row) => numberOf(row.cost),
      cell: (row) => money(numberOf(row.cost) ?? 0, view.currency),
    },
    {
      name: 'lost',
      title: 'Lost samples',
      align: 'right',
      key: (row) => numberOf(row.lost_samples),
      cell: (row) => {
        const lost = numberOf(row.lost_samples);
        return lost === null ? '' : count(lost);
      },
    },
  ];
  return <Table label="Attempts" rows={all} columns={columns} rowKey={(row) => numberOf(row.attempt) ?? 0} />;
}

export function Files({ files }: { readonly files: TrialView['files'] }): preact.JSX.Element {
  return (
    <div class="columns">
      <Card title="Checkpoints">
        {files.checkpoints.length === 0 ? (
          <Empty title="None committed yet" />
        ) : (
          <Table
            label="Checkpoints"
            rows={files.checkpoints}
            rowKey={(one) => one.name}
            columns={[
              { name: 'name', title: 'Name', cell: (one) => `${one.name}${one.latest ? ' (latest)' : ''}` },
              { name: 'step', title: 'Step', align: 'right', cell: (one) => (one.step === null ? '' : count(one.step)) },
              { name: 'why', title: 'Why', cell: (one) => one.reason },
              { name: 'bytes', title: 'Size', align: 'right', cell: (one) => (one.bytes === null ? '' : bytes(one.bytes)) },
            ]}
          />
        )}
      </Card>
      <Card title="Model exports">
        {files.exports.length === 0 ? (
          <Empty title="No model exported yet" />
        ) : (
          <Table
            label="Model exports"
            rows={files.exports}
            rowKey={(one) => one.uri}
            rowClass={(one) => (one.best ? 'is-best' : '')}
            columns={[
              { name: 'name', title: 'Name', cell: (one) => <span title={one.uri}>{`${one.name}${one.best ? ' (best)' : ''}`}</span> },
              { name: 'step', title: 'Step', align: 'right', cell: (one) => count(one.step) },
              {
                name: 'metrics',
                title: 'Metrics',
                cell: (one) =>
                  Object.entries(one.metrics)
                    .slice(0, 3)
                    .map(([name, value]) => `${name} ${shown(value)}`)
                    .join(', '),
              },
              { name: 'bytes', title: 'Size', align: 'right', cell: (one) => bytes(one.bytes) },
            ]}
          />
        )}
      </Card>
    </div>
  );
}

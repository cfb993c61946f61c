/** Attempts and files of a trial, as tables. */
import { attemptsOf, numberOf, placeOf, runningAttempts, textOf, timeOf, trialOfState } from '../../present/charts/views.ts';
import { bytes, count, duration, metric as shown, money, short, time } from '../../present/format.ts';
import type { AttemptRow, RunView, TrialView } from '../wire.ts';
import { Table, type Column } from './table.tsx';
import { Badge, Card, Empty } from './ui.tsx';

const MIB = 1024 ** 2;
const percent = (value: AttemptRow['gpu_used']): string => {
  const share = numberOf(value);
  return share === null ? '' : `${Math.round(share * 100)} %`;
};

/** Mean of what was asked for, and the peak. */
function used(
  mean: AttemptRow['cpu_used'],
  peak: AttemptRow['cpu_used'],
  requested: AttemptRow['cpu_used'],
  told: (value: number) => string,
): string {
  const [usual, highest, whole] = [numberOf(mean), numberOf(peak), numberOf(requested)];
  if (usual === null || highest === null) return '';
  return `${told(usual)}${whole === null ? '' : ` of ${told(whole)}`} (peak ${told(highest)})`;
}

const placeOfRow = ({ pool, flavor }: AttemptRow): string => placeOf({ pool: textOf(pool) ?? '', flavor: textOf(flavor) });

const USE_COLUMNS: readonly Column<AttemptRow>[] = [
  {
    name: 'cpu',
    title: 'Cores',
    align: 'right',
    key: (row) => numberOf(row.cpu_used),
    cell: (row) => used(row.cpu_used, row.cpu_peak, row.cpu_requested, short),
  },
  {
    name: 'memory',
    title: 'Memory',
    align: 'right',
    key: (row) => numberOf(row.memory_used_mb),
    cell: (row) => used(row.memory_used_mb, row.memory_peak_mb, row.memory_requested_mb, (mib) => bytes(mib * MIB)),
  },
  { name: 'gpu', title: 'GPU in use', align: 'right', key: (row) => numberOf(row.gpu_used), cell: (row) => percent(row.gpu_used) },
  {
    name: 'waited',
    title: 'Waited for data',
    align: 'right',
    key: (row) => numberOf(row.wait_share),
    cell: (row) => percent(row.wait_share),
  },
];

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
      key: (row) => placeOfRow(row),
      cell: (row) => `${placeOfRow(row)}${row.spot === true ? ' (spot)' : ''}`,
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
    // Nothing to see of attempts that nobody measured.
    ...(all.some((row) => numberOf(row.cpu_used) !== null) ? USE_COLUMNS : []),
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

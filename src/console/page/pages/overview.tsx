/** What is above one run: money, pools, clusters, schedules, models. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { clockIn } from '../../../contract/zones.ts';
import { spendingChart } from '../../../present/charts/spending.ts';
import { numberOf, objectOf, textOf, timeOf } from '../../../present/charts/views.ts';
import { metric, money, short, time } from '../../../present/format.ts';
import { summed, type ClusterRow, type PoolRow, type StageCount } from '../../../present/overview.ts';
import type { OverviewView } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { OverviewStore } from '../overview-store.ts';
import { addressOf, Link } from '../router.tsx';
import { useStore } from '../store.ts';
import { Table, type Column } from '../table.tsx';
import { Badge, Card, Empty, Figure, Figures, Loading, Problem, useNow, useTitle } from '../ui.tsx';

type Element = preact.JSX.Element;
type Layer = 'pipeline' | 'team';

export function OverviewPage(): Element {
  useTitle('Overview');
  const store = useMemo(() => new OverviewStore(), []);
  useEffect(() => {
    void store.open();
    return () => store.close();
  }, []);
  const { view, error } = useStore(store);
  const now = useNow(view !== null);
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        {view === null ? null : <p class="note">{about(view, now)}</p>}
      </div>
      {error === null ? null : <Problem error={error} what="The overview cannot be read:" />}
      {view === null ? error === null ? <Loading what="the overview" /> : null : <Parts view={view} now={now} />}
    </>
  );
}

function about({ team, openRuns, ledgerReadAt }: OverviewView, now: number): string {
  const parts = [
    team === null ? '' : `team ${team}`,
    openRuns === 1 ? '1 open run' : `${openRuns} open runs`,
    ledgerReadAt === null ? '' : `ledger as of ${time(ledgerReadAt, now)}`,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function Parts({ view, now }: { readonly view: OverviewView; readonly now: number }): Element {
  const { troubles, pools, clusters, schedules } = view;
  const month = new Date(now).toISOString().slice(0, 7);
  const spent = (rows: OverviewView['money']): string =>
    summed(rows, [])
      .map(({ cost, currency }) => money(cost, currency))
      .join(' + ') || money(0, pools[0]?.currency);
  const saved = summed(view.money, []).map((sum) => money(sum.saved, sum.currency));
  const next = schedules.flatMap((one) => (one.paused ? [] : one.next.slice(0, 1))).sort((a, b) => a - b)[0];
  const sum = (of: (pool: PoolRow) => number): number => pools.reduce((total, pool) => total + of(pool), 0);
  return (
    <>
      {troubles.length === 0 ? null : <p class="notice warn">What follows may be old or lack something: {troubles.join('; ')}</p>}
      <Figures>
        <Figure name="Spent this month" value={spent(view.money.filter((row) => row.month === month))} note={`${month}, UTC`} />
        <Figure name="Spent in 12 months" value={spent(view.money)} />
        <Figure name="Saved" value={saved.join(' + ') || money(0, pools[0]?.currency)} note="against on-demand machines" />
        <Figure
          name="Attempts running"
          value={sum(({ running }) => running)}
          note={`${sum(({ waiting }) => waiting)} wait for a machine`}
        />
        <Figure name="Next scheduled run" value={next === undefined ? 'none' : time(next, now)} />
      </Figures>
      <Money view={view} />
      <Card title="Pools" note="Attempts of open runs; preemptions of a machine, from all runs, recent ones count more.">
        {pools.length === 0 ? (
          <Empty title="No run has named a pool yet" />
        ) : (
          <Table
            label="Pools"
            rows={pools}
            columns={poolColumns(pools, now)}
            rowKey={(pool) => [pool.team, pool.profile, pool.cluster, pool.pool].join('/')}
            limit={50}
          />
        )}
      </Card>
      <Card title="Clusters" note="Whether a training worker asks for work there.">
        {clusters.length === 0 ? (
          <Empty title="No cluster yet" />
        ) : (
          <Table
            label="Clusters"
            rows={clusters}
            columns={clusterColumns(now)}
            rowKey={(one) => [one.team, one.profile, one.cluster, one.pools.join()].join('/')}
          />
        )}
      </Card>
      <Schedules view={view} now={now} />
      <Models view={view} now={now} />
    </>
  );
}

function Money({ view }: { readonly view: OverviewView }): Element {
  const [by, setBy] = useState<Layer>('pipeline');
  const currencies = [...new Set(view.money.map(({ currency }) => currency))];
  return (
    <Card
      title="Money"
      note="Months are those of UTC. A running attempt is paid when it ends; what its run says it has cost so far counts to this month."
      actions={
        <label class="inline">
          <span class="sr-only">In layers of</span>
          <select value={by} onChange={(event) => setBy(event.currentTarget.value === 'team' ? 'team' : 'pipeline')}>
            <option value="pipeline">by pipeline</option>
            <option value="team">by team</option>
          </select>
        </label>
      }
    >
      {currencies.length === 0 ? (
        <Empty title="Nothing has cost anything yet">
          <p>Prices come from the pools of the profile.</p>
        </Empty>
      ) : (
        currencies.map((currency) => {
          const rows = view.money.filter((row) => row.currency === currency);
          return (
            <ChartView
              key={currency}
              make={(theme) => spendingChart(rows, by, currency, theme)}
              of={[view.money, by]}
              empty="Nothing has cost anything yet."
            />
          );
        })
      )}
      {currencies.length === 0 ? null : (
        <Table
          label="Money by month"
          rows={summed(view.money, ['month', by])}
          rowKey={(row) => [row.month, row[by], row.currency].join('/')}
          limit={12}
          columns={[
            { name: 'month', title: 'Month', key: (row) => row.month ?? '', descending: true, cell: (row) => row.month },
            { name: by, title: by === 'team' ? 'Team' : 'Pipeline', key: (row) => row[by] ?? '', cell: (row) => row[by] ?? 'no team' },
            { name: 'runs', title: 'Runs', align: 'right', key: (row) => row.runs, cell: (row) => row.runs },
            ...(['cost', 'onDemandCost', 'saved'] as const).map((name) => ({
              name,
              title: { cost: 'Cost', onDemandCost: 'On demand', saved: 'Saved' }[name],
              align: 'right' as const,
              descending: true,
              key: (row: { readonly [N in typeof name]: number }) => row[name],
              cell: (row: { readonly [N in typeof name]: number } & { readonly currency: string }) => money(row[name], row.currency),
            })),
          ]}
        />
      )}
    </Card>
  );
}

const ago = (at: number | null, now: number): string => (at === null ? '' : time(at, now));
/** Where all rows say the same, a column is noise. */
const worthShowing = <R,>(rows: readonly R[], of: (row: R) => string | null): boolean =>
  rows.some((row) => of(row) !== null) && new Set(rows.map(of)).size > 1;

function poolColumns(pools: readonly PoolRow[], now: number): Column<PoolRow>[] {
  const text = (name: 'cluster' | 'team' | 'profile', title: string): Column<PoolRow>[] =>
    worthShowing(pools, (pool) => pool[name]) ? [{ name, title, key: (pool) => pool[name] ?? '', cell: (pool) => pool[name] }] : [];
  return [
    { name: 'pool', title: 'Pool', key: (pool) => pool.pool, cell: (pool) => <span class="strong">{pool.pool}</span> },
    ...text('cluster', 'Cluster'),
    ...text('profile', 'Profile'),
    ...text('team', 'Team'),
    { name: 'kind', title: 'Kind', key: (pool) => String(pool.spot), cell: (pool) => (pool.spot ? 'spot' : 'on-demand') },
    { name: 'running', title: 'Running', align: 'right', descending: true, key: (pool) => pool.running, cell: (pool) => pool.running },
    { name: 'waiting', title: 'Waiting', align: 'right', descending: true, key: (pool) => pool.waiting, cell: (pool) => pool.waiting },
    {
      name: 'price',
      title: 'An hour',
      align: 'right',
      key: (pool) => pool.pricePerHour,
      cell: (pool) => money(pool.pricePerHour, pool.currency),
    },
    {
      name: 'preemptions',
      title: 'Preemptions an hour',
      align: 'right',
      descending: true,
      key: (pool) => pool.preemptionsPerHour,
      cell: (pool) => (pool.preemptionsPerHour === null ? '' : short(pool.preemptionsPerHour)),
    },
    {
      name: 'preempted',
      title: 'Last preempted',
      descending: true,
      key: (pool) => pool.lastPreemptedAt,
      cell: (pool) => ago(pool.lastPreemptedAt, now),
    },
    { name: 'empty', title: 'Last empty', descending: true, key: (pool) => pool.lastEmptyAt, cell: (pool) => ago(pool.lastEmptyAt, now) },
  ];
}

function clusterColumns(now: number): Column<ClusterRow>[] {
  return [
    {
      name: 'cluster',
      title: 'Cluster',
      key: (one) => one.cluster ?? one.profile,
      cell: (one) => <span class="strong">{one.cluster ?? one.profile}</span>,
    },
    { name: 'kind', title: 'Kind', key: (one) => one.kind, cell: (one) => one.kind },
    {
      name: 'served',
      title: 'Workers',
      key: (one) => String(one.isServed),
      cell: (one) => (
        <>
          <span class={`badge ${one.isServed ? 'good' : 'bad'}`}>{one.isServed ? '✔ ask for work' : '✘ none'}</span>
          {one.isServed || one.lastAskedAt === null ? null : <small class="note"> since {time(one.lastAskedAt, now)}</small>}
        </>
      ),
    },
    { name: 'pools', title: 'Pools', key: (one) => one.pools.join(', '), cell: (one) => <span class="name">{one.pools.join(', ')}</span> },
    { name: 'running', title: 'Running', align: 'right', key: (one) => one.running, cell: (one) => one.running },
    { name: 'waiting', title: 'Waiting', align: 'right', key: (one) => one.waiting, cell: (one) => one.waiting },
  ];
}

function Schedules({ view: { schedules }, now }: { readonly view: OverviewView; readonly now: number }): Element {
  return (
    <Card title="Schedules">
      {schedules.length === 0 ? (
        <Empty title="Nothing runs by the calendar">
          <p>
            <code>longhaul schedule create</code> makes a schedule of a pipeline.
          </p>
        </Empty>
      ) : (
        <Table
          label="Schedules"
          rows={schedules}
          rowKey={(one) => one.name}
          limit={50}
          columns={[
            { name: 'name', title: 'Schedule', key: (one) => one.name, cell: (one) => <span class="strong name">{one.name}</span> },
            { name: 'pipeline', title: 'Pipeline', key: (one) => one.pipeline, cell: (one) => one.pipeline },
            {
              name: 'next',
              title: 'Next',
              key: (one) => (one.paused ? null : (one.next[0] ?? null)),
              cell: ({ paused, note, next: [next], timezone }) =>
                paused ? (
                  <>
                    <Badge status="paused" />
                    {note === null ? null : <small class="note"> {note}</small>}
                  </>
                ) : next === undefined ? (
                  'never'
                ) : (
                  <time dateTime={new Date(next).toISOString()} title={time(next, now)}>
                    {`${clockIn(timezone || 'UTC', next)} ${timezone || 'UTC'}`}
                  </time>
                ),
            },
            {
              name: 'last',
              title: 'Last run',
              key: (one) => one.recent.at(-1) ?? null,
              cell: ({ recent }) => {
                const last = recent.at(-1);
                return last === undefined ? 'none yet' : <Link to={addressOf.run(last)}>{last}</Link>;
              },
            },
            { name: 'cron', title: 'Calendar', cell: (one) => <code>{one.cron}</code> },
          ]}
        />
      )}
    </Card>
  );
}

function Models({ view: { models }, now }: { readonly view: OverviewView; readonly now: number }): Element {
  const stages = [...new Set(models.stages.map(({ stage }) => stage))];
  const pipelines = [...Map.groupBy(models.stages, ({ pipeline }) => pipeline)];
  const countOf = (counts: readonly StageCount[], stage: string): StageCount | undefined => counts.find((one) => one.stage === stage);
  return (
    <Card
      title="Models by stage"
      note={
        <>
          Of all runs. <code>longhaul models promote</code> makes one the champion of its pipeline.
        </>
      }
    >
      {pipelines.length === 0 ? (
        <Empty title="No model is registered yet">
          <p>An evaluate step of a pipeline registers the models that it measures.</p>
        </Empty>
      ) : (
        <>
          <Table
            label="Stages"
            rows={pipelines}
            rowKey={([pipeline]) => pipeline}
            columns={[
              {
                name: 'pipeline',
                title: 'Pipeline',
                key: ([pipeline]) => pipeline,
                cell: ([pipeline]) => <span class="strong">{pipeline}</span>,
              },
              ...stages.map((stage): Column<(typeof pipelines)[number]> => ({
                name: stage,
                title: stage,
                align: 'right',
                key: ([, counts]) => countOf(counts, stage)?.models ?? 0,
                cell: ([, counts]) => {
                  const found = countOf(counts, stage);
                  return found === undefined ? '0' : `${found.models} of ${found.runs === 1 ? '1 run' : `${found.runs} runs`}`;
                },
              })),
            ]}
          />
          <Table
            label="Models"
            rows={models.rows}
            rowKey={(row) => String(row.model)}
            limit={25}
            columns={[
              {
                name: 'model',
                title: 'Model',
                key: (row) => textOf(row.model),
                cell: (row) => <span class="strong name">{textOf(row.model)}</span>,
              },
              { name: 'stage', title: 'Stage', key: (row) => textOf(row.stage), cell: (row) => textOf(row.stage) },
              { name: 'pipeline', title: 'Pipeline', key: (row) => row.pipeline, cell: (row) => row.pipeline },
              {
                name: 'run',
                title: 'Run',
                key: (row) => row.run,
                cell: (row) => (
                  <Link to={addressOf.section(row.run, 'models')} class="name">
                    {row.run}
                  </Link>
                ),
              },
              { name: 'trial', title: 'Trial', align: 'right', key: (row) => numberOf(row.trial), cell: (row) => numberOf(row.trial) },
              {
                name: 'metrics',
                title: 'Metrics',
                cell: (row) =>
                  Object.entries(objectOf(row.metrics))
                    .flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${metric(value)}`] : []))
                    .slice(0, 3)
                    .join(', '),
              },
              { name: 'by', title: 'Promoted by', key: (row) => textOf(row.promoted_by), cell: (row) => textOf(row.promoted_by) },
              { name: 'time', title: 'Time', descending: true, key: (row) => timeOf(row.time), cell: (row) => ago(timeOf(row.time), now) },
            ]}
          />
        </>
      )}
    </Card>
  );
}

/** What a run has cost, will cost, saved and lost. */
import { costChart } from '../../../present/charts/cost.ts';
import { costFigures } from '../../../present/charts/cost-figures.ts';
import { placeOf, type AttemptView } from '../../../present/charts/views.ts';
import { duration, money } from '../../../present/format.ts';
import type { RunView } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { addressOf, Link } from '../router.tsx';
import { allAttempts, allTrials } from '../run-store.ts';
import { Table, type Column } from '../table.tsx';
import { Card, Empty, Figure, Figures } from '../ui.tsx';

interface PoolCost {
  readonly pool: string;
  readonly spot: boolean;
  readonly attempts: number;
  readonly preemptions: number;
  readonly seconds: number;
  readonly cost: number;
  readonly onDemand: number;
}

export function CostPage({ view, now }: { readonly view: RunView; readonly now: number }): preact.JSX.Element {
  const { state, currency } = view;
  const trials = allTrials(view);
  const attempts = allAttempts(view);
  const plannedTrials = Object.values(view.searches).reduce((sum, search) => sum + search.plannedTrials, 0);
  const input = { run: state, trials, attempts, plannedTrials, budget: view.budget.cost ?? null };
  const figures = costFigures(input);
  const amount = (value: number): string => money(value, currency);
  const pools = poolCosts(attempts, now);
  const dear = [...trials].filter((trial) => trial.cost > 0).sort((a, b) => b.cost - a.cost);
  return (
    <>
      <Figures>
        <Figure name="Spent" value={amount(figures.spent)} />
        <Figure
          name="Forecast"
          value={amount(figures.forecast)}
          note={state.endedAt === null ? 'at the end of the run' : 'the run has ended'}
        />
        <Figure name="Saved" value={amount(figures.saved)} note="against on-demand machines" />
        <Figure name="Lost" value={amount(figures.lost)} note="to preemptions and crashes" />
        <Figure name="Budget" value={figures.budget === null ? 'none' : amount(figures.budget)} />
      </Figures>
      <Card title="Cost over time">
        <ChartView
          make={(theme) => costChart({ ...input, now, currency }, theme)}
          of={[view, state.endedAt === null ? Math.floor(now / 5000) : 0]}
          empty="Nothing has cost anything yet. Prices come from the pools of the profile."
        />
      </Card>
      <div class="columns">
        <Card title="By pool">
          {pools.length === 0 ? (
            <Empty title="No attempt yet" />
          ) : (
            <Table label="Cost by pool" rows={pools} columns={poolColumns(amount)} rowKey={(pool) => pool.pool} sortedBy="cost" />
          )}
        </Card>
        <Card title="By step">
          <Table
            label="Cost by step"
            rows={state.steps.filter((step) => step.cost > 0)}
            rowKey={(step) => step.id}
            sortedBy="cost"
            columns={[
              { name: 'step', title: 'Step', key: (step) => step.id, cell: (step) => step.id },
              { name: 'kind', title: 'Kind', key: (step) => step.kind, cell: (step) => step.kind },
              {
                name: 'cost',
                title: 'Cost',
                align: 'right',
                descending: true,
                key: (step) => step.cost,
                cell: (step) => amount(step.cost),
              },
            ]}
          />
        </Card>
      </div>
      <Card title="By trial">
        {dear.length === 0 ? (
          <Empty title="No trial has cost anything yet" />
        ) : (
          <Table
            label="Cost by trial"
            rows={dear}
            rowKey={(trial) => `${trial.step}/${trial.trial}`}
            sortedBy="cost"
            limit={20}
            columns={[
              {
                name: 'trial',
                title: 'Trial',
                key: (trial) => trial.trial,
                cell: (trial) => (
                  <Link to={addressOf.trial(state.run, trial.step, trial.trial)}>{`${trial.step} / trial ${trial.trial}`}</Link>
                ),
              },
              { name: 'attempts', title: 'Attempts', align: 'right', key: (trial) => trial.attempts, cell: (trial) => trial.attempts },
              {
                name: 'cost',
                title: 'Cost',
                align: 'right',
                descending: true,
                key: (trial) => trial.cost,
                cell: (trial) => amount(trial.cost),
              },
              {
                name: 'demand',
                title: 'On demand',
                align: 'right',
                key: (trial) => trial.onDemandCost,
                cell: (trial) => amount(trial.onDemandCost),
              },
              {
                name: 'lost',
                title: 'Lost',
                align: 'right',
                descending: true,
                key: (trial) => trial.lostCost,
                cell: (trial) => amount(trial.lostCost),
              },
            ]}
          />
        )}
      </Card>
    </>
  );
}

function poolCosts(attempts: readonly AttemptView[], now: number): PoolCost[] {
  const pools = new Map<string, PoolCost>();
  for (const attempt of attempts) {
    const pool = placeOf(attempt);
    const known = pools.get(pool) ?? {
      pool,
      spot: attempt.spot,
      attempts: 0,
      preemptions: 0,
      seconds: 0,
      cost: 0,
      onDemand: 0,
    };
    pools.set(pool, {
      ...known,
      attempts: known.attempts + 1,
      preemptions: known.preemptions + (attempt.verdict === 'preempted' ? 1 : 0),
      seconds: known.seconds + ((attempt.endedAt ?? now) - attempt.startedAt) / 1000,
      cost: known.cost + attempt.cost,
      onDemand: known.onDemand + (attempt.onDemandCost || attempt.cost),
    });
  }
  return [...pools.values()];
}

function poolColumns(amount: (value: number) => string): Column<PoolCost>[] {
  return [
    { name: 'pool', title: 'Pool', key: (pool) => pool.pool, cell: (pool) => `${pool.pool}${pool.spot ? ' (spot)' : ''}` },
    { name: 'attempts', title: 'Attempts', align: 'right', key: (pool) => pool.attempts, cell: (pool) => pool.attempts },
    { name: 'preemptions', title: 'Preempted', align: 'right', key: (pool) => pool.preemptions, cell: (pool) => pool.preemptions },
    { name: 'time', title: 'Machine time', align: 'right', key: (pool) => pool.seconds, cell: (pool) => duration(pool.seconds * 1000) },
    { name: 'cost', title: 'Cost', align: 'right', descending: true, key: (pool) => pool.cost, cell: (pool) => amount(pool.cost) },
    { name: 'demand', title: 'On demand', align: 'right', key: (pool) => pool.onDemand, cell: (pool) => amount(pool.onDemand) },
  ];
}

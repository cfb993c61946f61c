/** A run at a glance: graph, steps, timeline. */
import type { StepState } from '../../../contract/state.ts';
import type { Json } from '../../../contract/values.ts';
import { timeline } from '../../../present/charts/timeline.ts';
import { between, count, metric, money } from '../../../present/format.ts';
import { reasonAt } from '../../../present/waits.ts';
import type { RunView, StepInfo } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { anchorOf, Dag, stepAddress } from '../dag.tsx';
import { addressOf, Link } from '../router.tsx';
import { allAttempts } from '../run-store.ts';
import { Table, type Column } from '../table.tsx';
import { Badge, Card, Empty, External, Figure, Figures } from '../ui.tsx';

interface Props {
  readonly view: RunView;
  readonly now: number;
}

export function RunPage({ view, now }: Props): preact.JSX.Element {
  const { state } = view;
  const attempts = allAttempts(view);
  const done = state.steps.filter((step) => step.endedAt !== null || step.status === 'cached' || step.status === 'skipped').length;
  const cached = state.steps.filter((step) => step.status === 'cached').length;
  const best = bestOf(view);
  const preemptions = Object.values(view.searches).reduce(
    (sum, { trials }) => sum + trials.reduce((all, trial) => all + trial.preemptions, 0),
    0,
  );
  return (
    <>
      {state.reason === null ? null : (
        <p class={`notice ${state.status === 'failed' ? 'bad' : 'warn'}`} role="status">
          <strong>{state.status}:</strong> {state.reason}
        </p>
      )}
      {view.description === '' ? null : <p class="lead">{view.description}</p>}
      <Figures>
        <Figure name="Steps done" value={`${done} of ${state.steps.length}`} note={cached > 0 ? `${cached} from the cache` : undefined} />
        <Figure name="Time" value={between(state.startedAt, state.endedAt, now)} />
        <Figure name="Cost" value={money(state.cost, view.currency)} />
        {best === null ? null : <Figure name={`Best ${best.name}`} value={metric(best.value)} note={`trial ${best.trial}`} />}
        {attempts.length === 0 ? null : (
          <Figure name="Attempts" value={attempts.length} note={preemptions === 1 ? '1 preemption' : `${preemptions} preemptions`} />
        )}
      </Figures>
      <Card title="Graph">
        <Dag view={view} now={now} />
      </Card>
      <Card title="Steps">
        <Table
          label="Steps"
          rows={state.steps}
          columns={stepColumns(view, now)}
          rowKey={(step) => step.id}
          rowClass={(step) => (step.status === 'failed' ? 'is-bad' : '')}
        />
      </Card>
      <Card
        title="Timeline"
        note="Steps, trials and their attempts. A dashed gap is the time between two attempts: a preemption, or waiting for a machine."
      >
        <ChartView
          make={(theme) => timeline({ run: state, attempts, now, currency: view.currency }, theme)}
          of={[view, state.endedAt === null ? Math.floor(now / 5000) : 0]}
          empty="Nothing has begun yet."
        />
      </Card>
      {state.steps.length === 0 ? <Empty title="A run without steps" /> : null}
    </>
  );
}

function stepColumns(view: RunView, now: number): Column<StepState>[] {
  const infos = new Map(view.steps.map((info) => [info.id, info]));
  return [
    {
      name: 'step',
      title: 'Step',
      key: (step) => step.id,
      cell: (step) => (
        <span id={anchorOf(step.id)} class="strong name">
          {step.kind === 'search' ? <Link to={stepAddress(view, step.id)}>{step.id}</Link> : step.id}
        </span>
      ),
    },
    { name: 'kind', title: 'Kind', key: (step) => step.kind, cell: (step) => step.kind },
    { name: 'status', title: 'Status', key: (step) => step.status, cell: (step) => <Badge status={step.status} /> },
    {
      name: 'time',
      title: 'Time',
      align: 'right',
      descending: true,
      key: (step) => (step.startedAt === null ? null : (step.endedAt ?? now) - step.startedAt),
      cell: (step) => (step.status === 'cached' ? 'from cache' : between(step.startedAt, step.endedAt, now)),
    },
    {
      name: 'cost',
      title: 'Cost',
      align: 'right',
      descending: true,
      key: (step) => step.cost,
      cell: (step) => (step.cost > 0 ? money(step.cost, view.currency) : ''),
    },
    { name: 'note', title: 'Result', cell: (step) => (step.reason === null ? resultOf(step) : reasonAt(step, now)) },
    { name: 'links', title: 'Look at', cell: (step) => <StepLinks run={view.state.run} step={step} info={infos.get(step.id)} /> },
  ];
}

function StepLinks({
  run,
  step,
  info,
}: {
  readonly run: string;
  readonly step: StepState;
  readonly info: StepInfo | undefined;
}): preact.JSX.Element {
  const hasLog = step.kind === 'container' || step.kind === 'script';
  return (
    <span class="links">
      {info?.sql ? <Link to={`${addressOf.section(run, 'config')}#sql-${step.id}`}>SQL</Link> : null}
      {hasLog && step.startedAt !== null && !step.cacheHit ? <Link to={addressOf.logs(run, step.id)}>log</Link> : null}
      {step.kind === 'search' && step.startedAt !== null ? <Link to={addressOf.search(run, step.id)}>trials</Link> : null}
      {info?.links.map((link) => (
        <External key={link.url} href={link.url}>
          {link.title}
        </External>
      ))}
    </span>
  );
}

/** What a person wants to know of a finished step in a few words. */
function resultOf({ outputs }: StepState): preact.ComponentChildren {
  const { table, rows, parts, best_objective: best, best_trial: trial, trials, approved, by } = outputs;
  if (typeof best === 'number') return `best ${metric(best)} (trial ${text(trial)} of ${text(trials)})`;
  if (typeof rows === 'number') {
    const where = typeof table === 'string' ? <code>{table}</code> : null;
    return (
      <>
        {count(rows)} rows{typeof parts === 'number' ? ` in ${count(parts)} parts` : ''} {where}
      </>
    );
  }
  if (typeof approved === 'boolean') return `${approved ? 'approved' : 'rejected'}${typeof by === 'string' ? ` by ${by}` : ''}`;
  const numbers = Object.entries(outputs).flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${metric(value)}`] : []));
  return numbers.slice(0, 3).join(', ');
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null));

function bestOf(view: RunView): { name: string; value: number; trial: number } | null {
  for (const search of Object.values(view.searches)) {
    if (search.bestObjective !== null && search.bestTrial !== null)
      return { name: search.objective.metric, value: search.bestObjective, trial: search.bestTrial };
  }
  return null;
}

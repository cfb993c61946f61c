/** What all pages of a run have in common: its store, title, controls, tabs. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { between, money, time } from '../../present/format.ts';
import type { RunView } from '../wire.ts';
import { ApprovalButtons, RunControls } from './controls/run-controls.tsx';
import { addressOf, Link, type Route } from './router.tsx';
import { RunStore } from './run-store.ts';
import { useStore } from './store.ts';
import { Badge, Copy, Empty, External, Loading, Problem, useNow, useTitle } from './ui.tsx';

type RunRoute = Extract<Route, { run: string }>;

interface Props {
  readonly route: RunRoute;
  readonly children: (view: RunView, store: RunStore, now: number) => ComponentChildren;
}

export function RunFrame({ route, children }: Props): preact.JSX.Element {
  const { run } = route;
  const store = useMemo(() => new RunStore(run), [run]);
  useEffect(() => () => store.close(), [store]);
  const { view, error, connection } = useStore(store);
  const now = useNow(view?.state.endedAt === null);
  useTitle(route.page === 'run' ? run : `${route.page} of ${run}`);
  if (!view) {
    if (error?.status === 404)
      return (
        <Empty whole title={`There is no run “${run}”`}>
          <p>
            <Link to={addressOf.runs()}>All runs</Link>
          </p>
        </Empty>
      );
    return error === null ? <Loading what={`run ${run}`} /> : <Problem error={error} what="The run cannot be read:" />;
  }
  const { state, trouble, currency } = view;
  return (
    <>
      <div class="page-head">
        <div class="title-row">
          <h1>{state.run}</h1>
          <Copy text={state.run} what="the name of the run" />
          <Badge status={state.status} />
        </div>
        <p class="note facts">
          <span>{state.pipeline}</span>
          <span>started {time(state.startedAt, now)}</span>
          <span>
            {state.endedAt === null ? 'for' : 'took'} {between(state.startedAt, state.endedAt, now)}
          </span>
          <span>{money(state.cost, currency)}</span>
          <span>profile {state.profile}</span>
          {view.workflowLink === null ? null : <External href={view.workflowLink}>Temporal</External>}
          <External href={addressOf.report(run)}>Report</External>
        </p>
        <RunControls state={state} />
      </div>
      {connection === 'lost' ? (
        <p class="notice warn" role="status">
          The connection to the console is lost; it comes back by itself. What you see may be old.
        </p>
      ) : null}
      {trouble === null ? null : (
        <p class="notice warn" role="status">
          What is shown may be old: {trouble}
        </p>
      )}
      {state.approvals.map((approval) => (
        <div key={approval.step} class="notice ask">
          <div>
            <p>
              <strong>“{approval.step}” waits for a decision.</strong> {approval.message}
            </p>
            <p class="note">
              asked {time(approval.since, now)}, until {time(approval.until, now)}
              {approval.approvers === undefined ? '' : `; approvers: ${approval.approvers.join(', ')}`}
              {approval.fourEyes === true ? '; two persons must approve' : ''}
              {approval.approvedBy === undefined ? '' : `; approved by ${approval.approvedBy.join(', ')}`}
            </p>
          </div>
          <ApprovalButtons run={run} step={approval.step} />
        </div>
      ))}
      <Tabs view={view} route={route} />
      {children(view, store, now)}
    </>
  );
}

function Tabs({ view, route }: { readonly view: RunView; readonly route: RunRoute }): preact.JSX.Element {
  const { run } = view.state;
  const searches = view.steps.filter((step) => step.kind === 'search');
  const checked = view.steps.some((step) => step.kind === 'check');
  const onSearch = (step: string): boolean => (route.page === 'search' || route.page === 'trial') && route.step === step;
  return (
    <nav class="tabs" aria-label="Pages of the run">
      <Link to={addressOf.run(run)} current={route.page === 'run' || route.page === 'logs'}>
        Overview
      </Link>
      {searches.map((step) => (
        <Link key={step.id} to={addressOf.search(run, step.id)} current={onSearch(step.id)}>
          {searches.length === 1 ? 'Search' : `Search ${step.id}`}
        </Link>
      ))}
      <Link to={addressOf.section(run, 'cost')} current={route.page === 'cost'}>
        Cost
      </Link>
      <Link to={addressOf.section(run, 'models')} current={route.page === 'models'}>
        Models
      </Link>
      {checked ? (
        <Link to={addressOf.section(run, 'checks')} current={route.page === 'checks'}>
          Checks
        </Link>
      ) : null}
      <Link to={addressOf.section(run, 'config')} current={route.page === 'config'}>
        Config
      </Link>
    </nav>
  );
}

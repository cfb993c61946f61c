/** A hyper-parameter search: its curves while they grow, what mattered, and every trial. */
import { useMemo, useState } from 'preact/hooks';
import type { SearchState } from '../../../contract/state.ts';
import { learningCurves } from '../../../present/charts/learning-curves.ts';
import { parallelCoordinates } from '../../../present/charts/parallel-coordinates.ts';
import { effortOf, paretoFront, type Direction } from '../../../present/charts/pareto-front.ts';
import { offlineMetrics, offlineQuality } from '../../../present/charts/offline-quality.ts';
import { duration, metric as shown, money, time } from '../../../present/format.ts';
import { remaining } from '../../../present/pace.ts';
import type { ModelsView, RunView, SearchInfo } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { SearchControls } from '../controls/search-controls.tsx';
import { useCurves } from '../curves.ts';
import { ImportanceCard } from '../importance.tsx';
import { addressOf, router } from '../router.tsx';
import { trialViews, type RunStore } from '../run-store.ts';
import { TrialTable } from '../trial-table.tsx';
import { Badge, Card, Empty, External, Figure, Figures, Loading, Problem } from '../ui.tsx';
import { useResults } from '../results.ts';

interface Props {
  readonly view: RunView;
  readonly store: RunStore;
  readonly step: string;
  readonly now: number;
}

export function SearchPage({ view, store, step, now }: Props): preact.JSX.Element {
  const search = view.searches[step];
  const info = view.steps.find((one) => one.id === step)?.search;
  if (!info) return <Empty title={`This run has no search “${step}”`} />;
  if (!search) {
    return (
      <Empty title="The search has not begun">
        <p>It starts when the steps before it have ended. Its trials appear here by themselves.</p>
      </Empty>
    );
  }
  return <Search view={view} store={store} search={search} info={info} now={now} />;
}

interface SearchProps {
  readonly view: RunView;
  readonly store: RunStore;
  readonly search: SearchState;
  readonly info: SearchInfo;
  readonly now: number;
}

function Search({ view, store, search, info, now }: SearchProps): preact.JSX.Element {
  const { objective } = search;
  const space = search.settings?.space ?? info.space;
  const [metric, setMetric] = useState(objective.metric);
  const [marked, setMarked] = useState<ReadonlySet<number>>(new Set());
  const trials = useMemo(() => trialViews(search), [search]);
  const curves = useCurves(store, search.step, metric);
  const results = useResults(store);
  const count = (...statuses: readonly string[]): number => search.trials.filter((trial) => statuses.includes(trial.status)).length;
  const ended = count('succeeded', 'stopped', 'failed', 'cancelled');
  const mark = (trial: number): void => {
    const next = new Set(marked);
    if (!next.delete(trial)) next.add(trial);
    setMarked(next);
  };
  return (
    <>
      <div class="bar">
        <p class="bar-state">
          <Badge status={search.status} /> {search.reason}
          {search.tensorboard === undefined ? null : <External href={search.tensorboard}>TensorBoard</External>}
        </p>
        <SearchControls run={view.state.run} search={search} info={info} />
      </div>
      <Figures>
        <Figure
          name="Trials ended"
          value={`${ended} of ${Math.max(search.plannedTrials, search.trials.length)}`}
          note={`${search.parallel} at once`}
        />
        <Figure name="Running" value={count('running')} note={standing(search, now)} />
        <Figure
          name={`Best ${objective.metric}`}
          value={search.bestObjective === null ? '–' : shown(search.bestObjective)}
          note={search.bestTrial === null ? objective.goal : `trial ${search.bestTrial}`}
        />
        <Figure name="Cost" value={money(search.cost, view.currency)} />
      </Figures>
      <Card
        title="Learning curves"
        actions={<MetricChoice value={metric} metrics={withOwn(curves?.metrics ?? [], metric)} onChange={setMetric} />}
        note={
          marked.size > 0
            ? 'In colour: the trials that are marked in the table.'
            : 'In colour: the best trials; mark others in the table below.'
        }
      >
        {curves === null ? (
          <Loading what="learning curves" />
        ) : curves.error ? (
          <Problem error={curves.error} what="The curves cannot be read:" />
        ) : (
          <ChartView
            make={(theme) =>
              learningCurves(
                {
                  trials,
                  points: curves.points,
                  metric,
                  goal: objective.goal,
                  constraints: info.constraints,
                  ...(marked.size > 0 ? { highlight: [...marked] } : {}),
                },
                theme,
              )
            }
            of={[curves.points, trials, metric, marked, info.constraints]}
            empty="No validation point yet. The first one appears here as soon as a trial reports it."
            onClick={({ seriesName }) => openTrial(view, search.step, seriesName)}
          />
        )}
      </Card>
      <div class="columns">
        <Card title="Parallel coordinates" class="spread">
          <ChartView
            make={(theme) => parallelCoordinates({ trials, metric: objective.metric, goal: objective.goal, space }, theme)}
            of={[trials, space]}
            minWidth={90 * (Object.keys(space).length + 1)}
            empty="Appears when trials have come to a value."
          />
        </Card>
        <ImportanceCard run={view.state.run} step={search.step} ended={ended} />
        <ParetoCard search={search} info={info} currency={view.currency} />
        <OfflineCard step={search.step} results={results} />
      </div>
      <Card title="Trials" note="Every column sorts. A marked trial is drawn in colour above.">
        {search.trials.length === 0 ? (
          <Empty title="No trial yet">
            <p>The sampler is asked for the first ones.</p>
          </Empty>
        ) : (
          <TrialTable run={view.state.run} search={search} currency={view.currency} now={now} marked={marked} onMark={mark} />
        )}
      </Card>
      <Card title="Decisions" note="What rules and people decided, newest first.">
        {search.decisions.length === 0 ? (
          <Empty title="Nothing was decided yet" />
        ) : (
          <ol class="decisions">
            {[...search.decisions].reverse().map((decision, index) => (
              <li key={search.decisions.length - index}>
                <time dateTime={new Date(decision.at).toISOString()}>{time(decision.at, now)}</time>
                <span>
                  {decision.trial === null ? null : <strong>trial {decision.trial}: </strong>}
                  {decision.text}
                </span>
              </li>
            ))}
          </ol>
        )}
      </Card>
    </>
  );
}

function ParetoCard({
  search,
  info,
  currency,
}: {
  readonly search: SearchState;
  readonly info: SearchInfo;
  readonly currency: string;
}): preact.JSX.Element {
  const trials = useMemo(() => trialViews(search), [search]);
  const [first] = info.objectives;
  const other: Direction = info.objectives[1] ?? effortOf(trials);
  return (
    <Card
      title="Pareto front"
      note={info.objectives.length < 2 ? `Quality against ${other.metric === 'cost' ? 'cost' : 'time'}.` : undefined}
    >
      <ChartView
        make={(theme) =>
          first
            ? paretoFront(
                {
                  trials,
                  objective: search.objective.metric,
                  x: other,
                  y: { metric: first.metric, goal: first.goal },
                  currency,
                  constraints: info.constraints,
                },
                theme,
              )
            : null
        }
        of={[trials]}
        empty="Appears when trials have ended."
      />
    </Card>
  );
}

function OfflineCard({ step, results }: { readonly step: string; readonly results: ModelsView | null }): preact.JSX.Element | null {
  const evaluations = results?.evaluations ?? [];
  const metrics = offlineMetrics(evaluations, step);
  const [chosen, setChosen] = useState<string | null>(null);
  const metric = chosen ?? metrics.find((name) => name.startsWith('ndcg')) ?? metrics[0];
  if (metric === undefined) return null;
  return (
    <Card title="Offline quality while training" actions={<MetricChoice value={metric} metrics={metrics} onChange={setChosen} />}>
      <ChartView
        make={(theme) => offlineQuality({ evaluations, step, metric }, theme)}
        of={[evaluations, step, metric]}
        empty="No evaluation yet."
      />
    </Card>
  );
}

interface ChoiceProps {
  readonly value: string;
  readonly metrics: readonly string[];
  readonly onChange: (metric: string) => void;
}

export function MetricChoice({ value, metrics, onChange }: ChoiceProps): preact.JSX.Element {
  return (
    <label class="inline">
      <span class="sr-only">Metric</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {metrics.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

const withOwn = (metrics: readonly string[], own: string): string[] => [...new Set([own, ...metrics])];

function openTrial(view: RunView, step: string, series: string | undefined): void {
  const trial = /^trial (\d+)$/.exec(series ?? '')?.[1];
  if (trial !== undefined) router.go(addressOf.trial(view.state.run, step, Number(trial)));
}

/** Trials that stand still, and how long the planned ones will take. */
function standing(search: SearchState, now: number): string | undefined {
  const held = search.trials.filter((trial) => trial.held).length;
  const paused = search.trials.filter((trial) => trial.status === 'paused').length - held;
  const time = search.status === 'running' ? remaining(search, now) : null;
  const parts = [
    ...(held > 0 ? [`${held} held`] : []),
    ...(paused > 0 ? [`${paused} paused`] : []),
    ...(time === null || time <= 0 ? [] : [`about ${duration(time)} left`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** One trial: curves, attempts, what it wrote, its log. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { learningCurves } from '../../../present/charts/learning-curves.ts';
import { trialOfState, type CurvePoint } from '../../../present/charts/views.ts';
import { between, count, metric as shown, money } from '../../../present/format.ts';
import { reasonAt } from '../../../present/waits.ts';
import type { Point, RunView, TrialView } from '../../wire.ts';
import { ChartView } from '../chart.tsx';
import { TrialControls } from '../controls/trial-controls.tsx';
import { LogView } from '../log-view.tsx';
import { api, get, RequestError } from '../request.ts';
import { addressOf, Link } from '../router.tsx';
import { isValidation, type RunStore } from '../run-store.ts';
import { Attempts, Files } from '../trial-parts.tsx';
import { shownParameter } from '../trial-table.tsx';
import { Badge, Card, Empty, External, Facts, Figure, Figures, Loading, Problem } from '../ui.tsx';
import { MetricChoice } from './search.tsx';
import { GRACES } from '../../../rules/durations.ts';

interface Props {
  readonly view: RunView;
  readonly store: RunStore;
  readonly step: string;
  readonly trial: number;
  readonly now: number;
}

export function TrialPage({ view, store, step, trial: number, now }: Props): preact.JSX.Element {
  const { run } = view.state;
  const live = view.searches[step]?.trials.find((one) => one.trial === number);
  const [read, setRead] = useState<TrialView | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const [fresh, setFresh] = useState<readonly Point[]>([]);
  // What it wrote is looked up again with each attempt, export and end; trainers need not tell of checkpoints, so every now and then too.
  const wrote = fresh.filter((point) => point.kind === 'export' || point.kind === 'checkpoint').length;
  const version = `${live?.status ?? ''}/${live?.attempts ?? 0}/${wrote}/${live?.status === 'running' ? Math.floor(now / GRACES.pageFilesLookMs) : ''}`;
  useEffect(() => {
    const controller = new AbortController();
    get<TrialView>(api`/runs/${run}/steps/${step}/trials/${number}`, controller.signal).then(
      (found) => {
        setRead(found);
        setError(null);
      },
      (failure: unknown) => {
        if (failure instanceof RequestError) setError(failure);
      },
    );
    return () => controller.abort();
  }, [run, step, number, version]);
  useEffect(() => {
    setFresh([]);
    return store.onPoints((event) => {
      if (event.step === step && event.trial === number) setFresh((before) => [...before, ...event.points]);
    });
  }, [store, step, number]);

  if (!read || read.trial.trial !== number) {
    return error === null ? <Loading what={`trial ${number}`} /> : <Problem error={error} what={`Trial ${number} cannot be read:`} />;
  }
  const trial = live ?? read.trial;
  const known = new Set(read.points.map((point) => point.n));
  const points = [...read.points, ...fresh.filter((point) => !known.has(point.n))];
  const attempts = view.attempts.filter((row) => row.step === step && row.trial === number);
  const last = points.at(-1);
  return (
    <>
      <div class="bar">
        <h2 class="bar-title">
          <Link to={addressOf.search(run, step)}>{step}</Link> / trial {number} <Badge status={trial.status} />
        </h2>
        <TrialControls run={run} step={step} trial={trial} />
      </div>
      {trial.reason === null ? null : (
        <p class={`notice ${trial.status === 'failed' ? 'bad' : 'warn'}`} role="status">
          {reasonAt(trial, now)}
        </p>
      )}
      <Figures>
        <ObjectiveFigure trial={trial} points={points} metric={view.searches[step]?.objective.metric ?? 'Objective'} />
        <Figure name="Samples" value={last ? count(last.samples) : '–'} note={rateOf(points)} />
        <Figure name="Time" value={between(trial.startedAt, trial.endedAt, now) || '–'} />
        <Figure
          name="Attempts"
          value={trial.attempts}
          note={trial.preemptions === 1 ? '1 preemption' : `${trial.preemptions} preemptions`}
        />
        <Figure
          name="Cost"
          value={money(trial.cost, view.currency)}
          note={trial.lostCost > 0 ? `${money(trial.lostCost, view.currency)} lost` : undefined}
        />
      </Figures>
      <TrialCurves step={step} trial={trialOfState(step, trial)} points={points} objective={view.searches[step]?.objective} />
      <Card title="Attempts" note="Each attempt is one Job. It resumes from the last committed checkpoint.">
        <Attempts view={view} trial={trial} rows={attempts} now={now} />
      </Card>
      <div class="columns">
        <Card title="Parameters">
          <Facts facts={Object.entries(trial.parameters).map(([name, value]) => [name, shownParameter(value)])} />
        </Card>
        <Card title="Machine">
          <Facts facts={machineOf(read)} />
          {read.workflowLink === null ? null : (
            <p>
              <External href={read.workflowLink}>Temporal workflow</External>
            </p>
          )}
        </Card>
      </div>
      <Files files={read.files} />
      <Log run={run} step={step} trial={number} attempts={trial.attempts} going={trial.endedAt === null} />
    </>
  );
}

/** A trial that has not ended has no objective yet; its last validation point says where it stands. */
function ObjectiveFigure({
  trial,
  points,
  metric,
}: {
  readonly trial: TrialView['trial'];
  readonly points: readonly Point[];
  readonly metric: string;
}): preact.JSX.Element {
  const last = points.findLast((point) => isValidation(point) && typeof point.metrics[metric] === 'number')?.metrics[metric] ?? null;
  const value = trial.objective ?? last;
  return (
    <Figure
      name={metric}
      value={value === null ? '–' : shown(value)}
      note={trial.objective === null && value !== null ? 'so far' : undefined}
    />
  );
}

interface CurvesProps {
  readonly step: string;
  readonly trial: ReturnType<typeof trialOfState>;
  readonly points: readonly Point[];
  readonly objective: RunView['searches'][string]['objective'] | undefined;
}

function TrialCurves({ step, trial, points, objective }: CurvesProps): preact.JSX.Element {
  const curve = useMemo(
    () => points.filter(isValidation).map((point): CurvePoint => ({ step, trial: trial.trial, ...point })),
    [points.length, step, trial.trial],
  );
  const metrics = [...new Set(curve.flatMap((point) => Object.keys(point.metrics)))];
  const [chosen, setChosen] = useState<string | null>(null);
  const metric = chosen ?? (objective !== undefined && metrics.includes(objective.metric) ? objective.metric : metrics[0]) ?? '';
  return (
    <Card
      title="Learning curve"
      actions={metrics.length > 1 ? <MetricChoice value={metric} metrics={metrics} onChange={setChosen} /> : undefined}
    >
      <ChartView
        make={(theme) =>
          learningCurves({ trials: [trial], points: curve, metric, goal: objective?.goal ?? 'maximize', highlight: [trial.trial] }, theme)
        }
        of={[curve, metric]}
        empty="No validation point yet."
      />
    </Card>
  );
}

function Log({
  run,
  step,
  trial,
  attempts,
  going,
}: {
  readonly run: string;
  readonly step: string;
  readonly trial: number;
  readonly attempts: number;
  readonly going: boolean;
}): preact.JSX.Element {
  const [chosen, setChosen] = useState<number | null>(null);
  const attempt = chosen ?? attempts;
  const choice = (
    <label class="inline">
      <span>Attempt</span>
      <select value={String(attempt)} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
        {Array.from({ length: attempts }, (_, i) => attempts - i).map((one) => (
          <option key={one} value={String(one)}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Card title="Log" actions={attempts > 0 ? choice : undefined}>
      {attempts === 0 ? (
        <Empty title="The first attempt has not begun" />
      ) : (
        <LogView key={attempt} run={run} step={step} trial={trial} attempt={attempt} going={going && attempt === attempts} />
      )}
    </Card>
  );
}

function machineOf({ trial, info }: TrialView): [string, string][] {
  const { cpu, memoryMb, gpu, ephemeralMb } = info.resources;
  return [
    ['CPU', cpu === 1 ? '1 core' : `${cpu} cores`],
    ['Memory', `${count(memoryMb)} MiB`],
    ...(gpu > 0 ? [['GPU', String(gpu)] as [string, string]] : []),
    ...(ephemeralMb === undefined ? [] : [['Disk', `${count(ephemeralMb)} MiB`] as [string, string]]),
    ['Pool', trial.pool ?? '–'],
    ['Image', info.image ?? 'reference trainer'],
    ...(info.command === null ? [] : [['Command', info.command.join(' ')] as [string, string]]),
    ['Output', trial.output],
  ];
}

function rateOf(points: readonly Point[]): string | undefined {
  const rate = points.findLast((point) => point.rate !== null)?.rate;
  return rate === undefined || rate === null ? undefined : `${count(Math.round(rate))} a second`;
}

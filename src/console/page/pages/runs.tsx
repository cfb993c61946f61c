/** All runs: filtered, searched, chosen for comparison. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { RunSummary } from '../../../client/longhaul.ts';
import { between, metric, time } from '../../../present/format.ts';
import { listen, readBesideEvents } from '../events.ts';
import { api, get } from '../request.ts';
import { addressOf, Link, router } from '../router.tsx';
import { ReadStore, useStore } from '../store.ts';
import { Table, type Column } from '../table.tsx';
import { Badge, Button, Card, Empty, Loading, Problem, useNow, useTitle } from '../ui.tsx';

interface Answer {
  readonly cursor: string;
  readonly limit: number;
  readonly runs: readonly RunSummary[];
}

class RunsStore extends ReadStore {
  runs: readonly RunSummary[] | null = null;
  limit = 0;
  trouble: string | null = null;
  #close: (() => void) | null = null;

  protected async read(): Promise<string> {
    const { cursor, runs, limit } = await get<Answer>('/api/runs');
    this.runs = runs;
    this.limit = limit;
    this.#close ??= listen({
      path: `${api`/runs/events`}?after=${encodeURIComponent(cursor)}`,
      on: {
        runs: (changed: readonly RunSummary[]) => this.#merge(changed),
        trouble: ({ message }: { message: string | null }) => {
          this.trouble = message;
          this.changed();
        },
        reset: ({ cursor: events }: { cursor: string }) => void readBesideEvents(events, () => this.open()),
      },
    });
    return cursor;
  }

  close(): void {
    this.#close?.();
  }

  #merge(changed: readonly RunSummary[]): void {
    const all = new Map((this.runs ?? []).map((run) => [run.run, run]));
    for (const run of changed) all.set(run.run, run);
    this.runs = [...all.values()].sort((a, b) => b.startedAt - a.startedAt);
    this.changed();
  }
}

export function RunsPage(): preact.JSX.Element {
  useTitle('Runs');
  const store = useMemo(() => new RunsStore(), []);
  useEffect(() => {
    void store.open();
    return () => store.close();
  }, []);
  const { runs, error, trouble, limit } = useStore(store);
  const [text, setText] = useState('');
  const [pipeline, setPipeline] = useState('');
  const [status, setStatus] = useState('');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const open = runs?.some((run) => run.endedAt === null) ?? false;
  const now = useNow(open);

  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = (runs ?? []).filter(
    (run) =>
      (pipeline === '' || run.pipeline === pipeline) &&
      (status === '' || run.status === status) &&
      words.every((word) => `${run.run} ${run.pipeline} ${run.status}`.toLowerCase().includes(word)),
  );
  const choose = (run: string): void => {
    const next = new Set(chosen);
    if (!next.delete(run)) next.add(run);
    setChosen(next);
  };
  return (
    <>
      <div class="page-head">
        <h1>Runs</h1>
        <p class="note">{summaryOf(runs ?? [])}</p>
      </div>
      {error === null ? null : <Problem error={error} what="The runs cannot be read:" />}
      {trouble === null ? null : <p class="notice warn">Temporal does not answer; the list may be old. {trouble}</p>}
      <Card
        title="All runs"
        actions={
          <Button kind="primary" disabled={chosen.size < 2} onClick={() => router.go(addressOf.compare([...chosen]))}>
            Compare {chosen.size < 2 ? 'two or more' : chosen.size}
          </Button>
        }
      >
        <div class="filters" role="search">
          <label>
            <span>Search</span>
            <input
              type="search"
              value={text}
              placeholder="name, pipeline, status"
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <Choice
            label="Pipeline"
            value={pipeline}
            values={[...new Set((runs ?? []).map((run) => run.pipeline))].sort()}
            onChange={setPipeline}
          />
          <Choice label="Status" value={status} values={[...new Set((runs ?? []).map((run) => run.status))].sort()} onChange={setStatus} />
        </div>
        {runs === null ? (
          error === null ? (
            <Loading what="runs" />
          ) : null
        ) : runs.length === 0 ? (
          <Empty title="No run yet">
            <p>
              Start one with <code>longhaul run pipeline.yaml</code>, or look at the example: <code>longhaul example</code>. It appears here
              by itself.
            </p>
          </Empty>
        ) : shown.length === 0 ? (
          <Empty title="No run matches">
            <Button
              onClick={() => {
                setText('');
                setPipeline('');
                setStatus('');
              }}
            >
              Show all runs
            </Button>
          </Empty>
        ) : (
          <Table label="Runs" rows={shown} columns={columnsOf(chosen, choose, now)} rowKey={(run) => run.run} limit={100} />
        )}
        {limit > 0 && runs?.length === limit ? <p class="note">The newest {limit} runs. Older ones: longhaul list --limit.</p> : null}
      </Card>
    </>
  );
}

function columnsOf(chosen: ReadonlySet<string>, choose: (run: string) => void, now: number): Column<RunSummary>[] {
  return [
    {
      name: 'chosen',
      title: '',
      cell: (run) => (
        <input
          type="checkbox"
          checked={chosen.has(run.run)}
          onChange={() => choose(run.run)}
          aria-label={`Choose ${run.run} for comparison`}
        />
      ),
    },
    {
      name: 'run',
      title: 'Run',
      key: (run) => run.run,
      cell: (run) => (
        <Link to={addressOf.run(run.run)} class="strong name">
          {run.run}
        </Link>
      ),
    },
    { name: 'pipeline', title: 'Pipeline', key: (run) => run.pipeline, cell: (run) => run.pipeline },
    { name: 'status', title: 'Status', key: (run) => run.status, cell: (run) => <Badge status={run.status} /> },
    {
      name: 'started',
      title: 'Started',
      key: (run) => run.startedAt,
      descending: true,
      cell: (run) => <time dateTime={new Date(run.startedAt).toISOString()}>{time(run.startedAt, now)}</time>,
    },
    {
      name: 'took',
      title: 'Time',
      align: 'right',
      key: (run) => (run.endedAt ?? now) - run.startedAt,
      descending: true,
      cell: (run) => between(run.startedAt, run.endedAt, now),
    },
    {
      name: 'best',
      title: 'Best objective',
      align: 'right',
      key: (run) => run.bestObjective,
      descending: true,
      cell: (run) => metric(run.bestObjective),
    },
  ];
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly values: readonly string[];
  readonly onChange: (value: string) => void;
}

function Choice({ label, value, values, onChange }: ChoiceProps): preact.JSX.Element {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">all</option>
        {values.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

function summaryOf(runs: readonly RunSummary[]): string {
  const count = (status: RunSummary['status']): number => runs.filter((run) => run.status === status).length;
  const parts = [
    [count('running'), 'running'],
    [count('waiting'), 'waiting for somebody'],
    [count('paused'), 'paused'],
    [count('failed'), 'failed'],
  ].flatMap(([number, word]) => (number === 0 ? [] : [`${number ?? 0} ${word ?? ''}`]));
  return parts.join(' · ');
}

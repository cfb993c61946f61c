/** All trials of a search, sortable by everything that is known of them. */
import { useMemo } from 'preact/hooks';
import type { SearchState, TrialState } from '../../contract/state.ts';
import type { Json } from '../../contract/values.ts';
import { between, metric, money } from '../../present/format.ts';
import { reasonAt } from '../../present/waits.ts';
import { addressOf, Link } from './router.tsx';
import { Table, type Column } from './table.tsx';
import { Badge } from './ui.tsx';

interface Props {
  readonly run: string;
  readonly search: SearchState;
  readonly currency: string;
  readonly now: number;
  readonly marked: ReadonlySet<number>;
  readonly onMark: (trial: number) => void;
}

export function TrialTable({ run, search, currency, now, marked, onMark }: Props): preact.JSX.Element {
  const { step, objective, trials, bestTrial } = search;
  // The names seldom change, the trials often.
  const parameters = namesOf(trials.map((trial) => trial.parameters));
  const metrics = namesOf(trials.map((trial) => trial.metrics)).filter((name) => name !== objective.metric);
  const offline = namesOf(trials.map((trial) => trial.offline));
  const columns = useMemo(
    () => columnsOf({ run, step, objective, currency, parameters, metrics, offline, now, marked, onMark }),
    [run, step, objective.metric, currency, parameters.join(), metrics.join(), offline.join(), now, marked],
  );
  return (
    <Table
      label="Trials"
      rows={trials}
      columns={columns}
      rowKey={(trial) => trial.trial}
      rowClass={(trial) => (trial.trial === bestTrial ? 'is-best' : '')}
    />
  );
}

type Of = Omit<Props, 'search'> & {
  readonly step: string;
  readonly objective: SearchState['objective'];
  readonly parameters: readonly string[];
  readonly metrics: readonly string[];
  readonly offline: readonly string[];
};

function columnsOf({ run, step, objective, currency, parameters, metrics, offline, now, marked, onMark }: Of): Column<TrialState>[] {
  const number = (name: string, title: string, key: (trial: TrialState) => number | null): Column<TrialState> => ({
    name,
    title,
    align: 'right',
    key,
    descending: true,
    cell: (trial) => metric(key(trial)),
  });
  return [
    {
      name: 'mark',
      title: '',
      cell: ({ trial }) => (
        <input type="checkbox" checked={marked.has(trial)} onChange={() => onMark(trial)} aria-label={`Draw trial ${trial} in colour`} />
      ),
    },
    {
      name: 'trial',
      title: 'Trial',
      align: 'right',
      key: ({ trial }) => trial,
      cell: ({ trial }) => (
        <Link to={addressOf.trial(run, step, trial)} class="strong">
          {trial}
        </Link>
      ),
    },
    { name: 'status', title: 'Status', key: ({ status }) => status, cell: ({ status }) => <Badge status={status} /> },
    { ...number('objective', objective.metric, (trial) => trial.objective), descending: objective.goal === 'maximize' },
    ...parameters.map((name): Column<TrialState> => ({
      name: `parameter ${name}`,
      title: name,
      align: 'right',
      key: (trial) => keyOf(trial.parameters[name]),
      cell: (trial) => shownParameter(trial.parameters[name]),
    })),
    ...metrics.map((name) => number(`metric ${name}`, name, (trial) => trial.metrics[name] ?? null)),
    ...offline.map((name) => number(`offline ${name}`, `offline ${name}`, (trial) => trial.offline[name] ?? null)),
    number('points', 'Points', (trial) => trial.points),
    number('attempts', 'Attempts', (trial) => trial.attempts),
    number('preemptions', 'Preemptions', (trial) => trial.preemptions),
    { name: 'pool', title: 'Pool', key: ({ pool }) => pool, cell: ({ pool }) => pool ?? '' },
    {
      name: 'time',
      title: 'Time',
      align: 'right',
      descending: true,
      key: (trial) => (trial.startedAt === null ? null : (trial.endedAt ?? now) - trial.startedAt),
      cell: (trial) => between(trial.startedAt, trial.endedAt, now),
    },
    { name: 'cost', title: 'Cost', align: 'right', descending: true, key: ({ cost }) => cost, cell: ({ cost }) => money(cost, currency) },
    { name: 'origin', title: 'Origin', key: ({ origin }) => origin, cell: originOf },
    {
      name: 'reason',
      title: 'Reason',
      key: ({ reason }) => reason,
      cell: (trial) => (
        <span class="reason" title={trial.reason ?? undefined}>
          {reasonAt(trial, now)}
        </span>
      ),
    },
  ];
}

const originOf = ({ origin, parent, kept }: TrialState): string =>
  `${origin}${parent === null ? '' : ` of ${parent}`}${kept ? ', kept' : ''}`;

const namesOf = (records: readonly Readonly<Record<string, unknown>>[]): string[] => [
  ...new Set(records.flatMap((record) => Object.keys(record))),
];

const keyOf = (value: Json | undefined): string | number | null =>
  value === undefined || value === null ? null : typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);

export function shownParameter(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return metric(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

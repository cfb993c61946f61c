/** Replays as a table and as JSON. */
import { duration, metric, money } from '../../present/format.ts';
import { table, type Column } from '../table.ts';
import type { Colors } from '../terminal.ts';
import { asRecorded, summarise, type ReplaySummary } from './replay-summary.ts';
import type { Untrained } from './promoted-search.ts';
import type { RecordedSearch, ReplayedTrial } from './replayed-search.ts';

export interface Replayed {
  /** As given to --pruner or --scheduler. */
  readonly rules: string;
  /** null: the trials ran in the recorded order. */
  readonly sampler: string | null;
  readonly ended: readonly ReplayedTrial[];
  /** Of each trial from what the sampler had asked for. */
  readonly distances: ReadonlyMap<number, number> | null;
  /** Of a scheduler. */
  readonly untrained?: readonly Untrained[];
}

/** In text; JSON has all of them. */
const MAX_STOPPED_TRIALS = 20;
const MAX_UNTRAINED = 20;

export function replayJson(search: RecordedSearch, replays: readonly Replayed[]): object {
  return {
    study: search.study,
    objective: search.objective,
    parallel: search.parallel,
    recorded: summarise(search, asRecorded(search)),
    replays: replays.map((one) => ({
      rules: one.rules,
      sampler: one.sampler,
      distance: meanDistance(one),
      ...summarise(search, one.ended),
      resolved: untrainedOf(search, one).length === 0,
      untrained: untrainedOf(search, one),
      elapsed: Math.max(0, ...one.ended.map(({ endedAt }) => endedAt)),
      ended: one.ended.map(({ values: _values, lastValue: _last, ...trial }) => ({
        ...trial,
        distance: one.distances?.get(trial.trial) ?? null,
      })),
    })),
  };
}

export function renderReplays(
  search: RecordedSearch,
  replays: readonly Replayed[],
  sampler: string,
  currency: string,
  colors: Colors,
): string {
  const right = (title: string): Column => ({ title, align: 'right' });
  const columns = [
    { title: 'stopping' },
    { title: 'order' },
    ...['trials', 'stopped', 'machine time', 'cost', 'saved', 'best', 'regret', 'found after', 'distance'].map(right),
  ];
  const recorded = summarise(search, asRecorded(search));
  const lines = replays.map((one) => ({ one, summary: summarise(search, one.ended) }));
  const { metric: name, goal } = search.objective;
  return [
    `${colors.bold(search.study)}: ${search.trials.length} recorded trials, ${search.parallel} at once, ${goal} ${name}`,
    table(
      columns,
      [
        ['as recorded', sampler, ...cells(recorded, currency), ''],
        ...lines.map(({ one, summary }) => [
          one.rules,
          one.sampler ?? 'as recorded',
          ...cells(summary, currency),
          one.distances === null ? '' : (meanDistance(one)?.toFixed(3) ?? ''),
        ]),
      ],
      colors.dim,
    ),
    ...lines.flatMap(({ one }) => [...stoppedTrials(one, colors), note(one, untrainedOf(search, one))]),
  ].join('\n\n');
}

function cells({ trials, stopped, seconds, cost, saved, best, regret }: ReplaySummary, currency: string): string[] {
  return [
    String(trials),
    String(stopped),
    duration(seconds * 1000),
    money(cost, currency),
    `${(saved * 100).toFixed(1)} %`,
    best === null ? 'none' : `${metric(best.objective)} (trial ${best.trial})`,
    regret === null ? '' : metric(regret),
    best === null ? '' : `${best.trials} trials, ${money(best.cost, currency)}`,
  ];
}

function stoppedTrials({ rules, ended }: Replayed, colors: Colors): string[] {
  const stopped = ended.filter(({ reason }) => reason !== null);
  if (stopped.length === 0) return [];
  const rows = stopped
    .slice(0, MAX_STOPPED_TRIALS)
    .map(({ trial, points, seconds, reason }) => [String(trial), String(points), duration(seconds * 1000), reason ?? '']);
  const columns: Column[] = [
    { title: 'trial', align: 'right' },
    { title: 'points', align: 'right' },
    { title: 'after', align: 'right' },
    { title: `stopped by ${rules}` },
  ];
  const more = stopped.length - rows.length;
  return [table(columns, rows, colors.dim) + (more > 0 ? `\n… and ${more} more (--output json has all)` : '')];
}

/** Trials that were cut short when recorded, and would have gone on. */
function untrainedOf(search: RecordedSearch, { ended, untrained }: Replayed): readonly Untrained[] {
  if (untrained) return untrained;
  const cutShort = new Set(search.trials.filter(({ status }) => status === 'stopped').map(({ trial }) => trial));
  return ended
    .filter(({ trial, reason }) => reason === null && cutShort.has(trial))
    .map(({ trial, points }) => ({ trial, points, wanted: null }));
}

/** Of all of the answers together: of each trial as far as any of them asks for. */
export function untrainedParts(
  search: RecordedSearch,
  replays: readonly Replayed[],
): { readonly trial: number; readonly points: number | null }[] {
  const parts = new Map<number, number | null>();
  for (const { trial, wanted } of replays.flatMap((one) => untrainedOf(search, one))) {
    const other = parts.get(trial);
    parts.set(trial, wanted === null || other === null ? null : Math.max(wanted, other ?? 0));
  }
  return [...parts].sort(([a], [b]) => a - b).map(([trial, points]) => ({ trial, points }));
}

function note({ rules }: Replayed, untrained: readonly Untrained[]): string {
  if (untrained.length === 0) return `${rules}: resolved, every part of the curves that it asks for was trained`;
  const named = untrained
    .slice(0, MAX_UNTRAINED)
    .map(({ trial, points, wanted }) => `trial ${trial} beyond point ${points} (to ${wanted === null ? 'its end' : `point ${wanted}`})`);
  return (
    `${rules}: depends on parts of curves that were never trained: ${named.join(', ')}${untrained.length > named.length ? ', …' : ''}. ` +
    'How these would have gone on is not known, so machine time and cost are at least these, and a better one may be among them.'
  );
}

function meanDistance({ distances, ended }: Replayed): number | null {
  if (distances === null || ended.length === 0) return null;
  return ended.reduce((sum, { trial }) => sum + (distances.get(trial) ?? 0), 0) / ended.length;
}

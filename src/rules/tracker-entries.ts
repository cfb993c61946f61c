/** What a tracker of experiments is told of a run: the rows of the ledger, as one entry for the run and one for each trial. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { TrackedRun } from '../contract/trackers.ts';

/** Rows of one run. */
interface TrackedRows {
  readonly runs: readonly LedgerRow<'runs'>[];
  readonly trials: readonly LedgerRow<'trials'>[];
  readonly progress: readonly LedgerRow<'progress'>[];
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
}

const OF_RUNS: Readonly<Record<string, TrackedRun['status']>> = { running: 'running', succeeded: 'finished', failed: 'failed' };
/** A trial that a rule stopped has done what it was there for. */
const OF_TRIALS: Readonly<Record<string, TrackedRun['status']>> = { succeeded: 'finished', stopped: 'finished', failed: 'failed' };

/**
 * @param isWhole false: progress rows are those of late
 * @returns the run's entry first; nothing where the ledger does not know the run yet
 */
export function trackedRuns(run: string, { runs, trials, progress, evaluations }: TrackedRows, isWhole = true): TrackedRun[] {
  const [row] = runs;
  if (row === undefined) return [];
  const trialKey = ({ step, trial }: { step?: unknown; trial?: unknown }): string => `${run}/${String(step)}/${String(trial)}`;
  const measured = Map.groupBy(
    evaluations.filter(({ segment, early }) => !segment && early !== true),
    (each) => (typeof each.trial === 'number' ? trialKey(each) : run),
  );
  const resultsOf = (key: string): TrackedRun['results'] =>
    (measured.get(key) ?? []).flatMap(({ step, scorer, metric, value, time }) =>
      typeof value === 'number' ? [{ name: [step, scorer, metric].filter(Boolean).join('.'), value, at: ms(time), step: 0 }] : [],
    );
  const curves = Map.groupBy(progress, trialKey);
  const ended = new Map(trials.map((trial) => [trialKey(trial), trial]));
  const runEnded = typeof row.ended_at === 'string';
  const ownTags = { 'longhaul.pipeline': row.pipeline, 'longhaul.run': run };
  const own: TrackedRun = {
    key: run,
    parent: null,
    name: run,
    startedAt: ms(row.started_at),
    endedAt: runEnded ? ms(row.ended_at) : null,
    status: OF_RUNS[String(row.status)] ?? 'killed',
    parameters: {},
    tags: {
      ...ownTags,
      ...texts({
        profile: row.profile,
        document_hash: row.document_hash,
        document: row.document_uri,
        error: row.error,
        'mlflow.source.git.commit': row.commit,
      }),
    },
    results: [
      ...resultsOf(run),
      ...(typeof row.cost === 'number' ? [{ name: 'cost', value: row.cost, at: ms(row.ended_at), step: 0 }] : []),
    ],
    whole: true,
    points: [],
  };
  const entries = [...new Set([...curves.keys(), ...ended.keys()])].map((key): TrackedRun => {
    const points = pointsOf(curves.get(key) ?? []);
    const end = ended.get(key);
    const first = end ?? curves.get(key)?.[0];
    const isOver = end !== undefined || runEnded;
    const last = points.at(-1)?.step ?? 0;
    const at = ms(end?.time);
    return {
      key,
      parent: run,
      name: `${String(first?.step)} ${String(first?.trial)}`,
      startedAt: end === undefined ? (points[0]?.at ?? own.startedAt) : ms(end.started_at ?? end.time),
      endedAt: isOver ? ms(end?.ended_at ?? end?.time ?? row.ended_at) : null,
      status: end === undefined ? (runEnded ? 'killed' : 'running') : (OF_TRIALS[String(end.status)] ?? 'killed'),
      parameters: texts(parsed(end?.parameters)),
      tags: {
        ...ownTags,
        ...texts({ 'longhaul.step': first?.step, 'longhaul.trial': first?.trial }),
        ...texts({
          status: end?.status,
          reason: end?.reason,
          output: end?.output,
          model: end?.export,
          weights_sha256: end?.weights_sha256,
        }),
      },
      whole: isWhole,
      points,
      results: [
        ...(typeof end?.objective === 'number' ? [{ name: 'objective', value: end.objective, at, step: last }] : []),
        ...(typeof end?.cost === 'number' ? [{ name: 'cost', value: end.cost, at, step: last }] : []),
        ...resultsOf(key),
      ],
    };
  });
  return [own, ...entries];
}

function pointsOf(rows: readonly LedgerRow<'progress'>[]): TrackedRun['points'] {
  return rows
    .map((row) => ({
      n: Number(row.n),
      step: Number(row.training_step ?? row.samples ?? row.n),
      at: ms(row.time),
      metrics: Object.entries(parsed(row.metrics)).flatMap(([name, value]) => (typeof value === 'number' ? [{ name, value }] : [])),
    }))
    .sort((a, b) => a.n - b.n);
}

const parsed = (text: unknown): Record<string, unknown> => (typeof text === 'string' ? (JSON.parse(text) as Record<string, unknown>) : {});

/** Without what is not there. */
const texts = (values: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]): [string, string][] =>
      value === null || value === undefined ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)]],
    ),
  );

const ms = (time: unknown): number => (typeof time === 'string' ? Date.parse(time) : 0);

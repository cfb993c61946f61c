/**
 * Entries as runs of MLflow. What was told already is read from the runs themselves: tags say which entry one is (`longhaul.key`), the last
 * progress record that it has (`longhaul.position`) and what its end was (`longhaul.end`). A batch carries its position; one that arrived
 * without its answer is sent again, and MLflow keeps equal metrics (name, time, step, value) once.
 */
import { createHash } from 'node:crypto';
import type { TrackedRun, Tracker } from '../../contract/trackers.ts';
import type { ExperimentTracker } from '../../ports/tracker.ts';
import { mlflowAt, type Mlflow } from './requests.ts';

/** MLflow takes 1000 metrics, parameters and tags at once. */
const METRICS_AT_ONCE = 800;
const PARAMETERS_AT_ONCE = 100;
const LONGEST_PARAMETER = 6000;
const LONGEST_TAG = 5000;
const PAGE = 1000;
const STATUS = { running: 'RUNNING', finished: 'FINISHED', failed: 'FAILED', killed: 'KILLED' } as const;
const TAGS = { key: 'longhaul.key', run: 'longhaul.run', position: 'longhaul.position', end: 'longhaul.end' } as const;

interface Pair {
  readonly key: string;
  readonly value: string;
}
interface MlflowRun {
  readonly info: { readonly run_id: string; readonly lifecycle_stage: string };
  readonly data?: { readonly tags?: readonly Pair[] };
}
interface Known {
  readonly id: string;
  readonly position: number;
  readonly end: string | null;
}
interface MetricSent {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export function openMlflow(
  { uri, experiment }: Extract<Tracker, { kind: 'mlflow' }>,
  pipeline: string,
  authorization: string | null,
): ExperimentTracker {
  const mlflow = mlflowAt(uri, authorization);
  return {
    tell: async (run, entries, signal) => {
      const place = await experimentId(mlflow, experiment ?? pipeline);
      const known = await knownRuns(mlflow, place, TAGS.run, run);
      let hasAll = true;
      for (const entry of entries) {
        signal.throwIfAborted();
        const parent = entry.parent === null ? undefined : known.get(entry.parent);
        // Somebody deleted it there, and with it what is below.
        if (known.get(entry.key) === null || parent === null) continue;
        const at = known.get(entry.key) ?? (await create(mlflow, place, run, entry, parent?.id));
        known.set(entry.key, at);
        if (!isEnough(at, entry)) hasAll = false;
        else {
          await tellPoints(mlflow, at, entry, signal);
          await tellEnd(mlflow, at, entry);
        }
      }
      return hasAll;
    },
  };
}

async function experimentId(mlflow: Mlflow, name: string): Promise<string> {
  type Found = { readonly experiment: { readonly experiment_id: string } };
  const find = async (): Promise<string | undefined> =>
    (await mlflow.get<Found>('experiments/get-by-name', { experiment_name: name }))?.experiment.experiment_id;
  const there = await find();
  if (there !== undefined) return there;
  try {
    return (await mlflow.post<{ readonly experiment_id: string }>('experiments/create', { name })).experiment_id;
  } catch (error) {
    // Another run of the pipeline was quicker.
    const made = await find();
    if (made !== undefined) return made;
    throw error;
  }
}

/** By entry; null: there was one, and somebody deleted it. */
async function knownRuns(mlflow: Mlflow, experiment: string, tag: string, value: string): Promise<Map<string, Known | null>> {
  const known = new Map<string, Known | null>();
  for (let token: string | undefined, more = true; more; more = token !== undefined) {
    type Page = { readonly runs?: readonly MlflowRun[]; readonly next_page_token?: string };
    const page: Page = await mlflow.post<Page>('runs/search', {
      experiment_ids: [experiment],
      filter: `tags."${tag}" = '${value.replaceAll("'", "''")}'`,
      run_view_type: 'ALL',
      max_results: PAGE,
      order_by: ['attributes.start_time ASC', 'attributes.run_id ASC'],
      ...(token === undefined ? {} : { page_token: token }),
    });
    for (const { info, data } of page.runs ?? []) {
      const tags = new Map((data?.tags ?? []).map((each) => [each.key, each.value]));
      const key = tags.get(TAGS.key);
      if (key === undefined || known.get(key)) continue;
      const there = { id: info.run_id, position: Number(tags.get(TAGS.position) ?? 0), end: tags.get(TAGS.end) ?? null };
      known.set(key, info.lifecycle_stage === 'deleted' ? null : there);
    }
    token = page.next_page_token === '' ? undefined : page.next_page_token;
  }
  return known;
}

async function create(mlflow: Mlflow, experiment: string, run: string, entry: TrackedRun, parent: string | undefined): Promise<Known> {
  const { run: made } = await mlflow.post<{ readonly run: MlflowRun }>('runs/create', {
    experiment_id: experiment,
    run_name: entry.name,
    start_time: entry.startedAt,
    tags: pairs({ [TAGS.key]: entry.key, [TAGS.run]: run, ...(parent === undefined ? {} : { 'mlflow.parentRunId': parent }) }),
  });
  // One that was made before, or beside us, while its answer was lost: all see the same first one.
  const first = (await knownRuns(mlflow, experiment, TAGS.key, entry.key)).get(entry.key) ?? {
    id: made.info.run_id,
    position: 0,
    end: null,
  };
  if (first.id !== made.info.run_id) await mlflow.post('runs/delete', { run_id: made.info.run_id });
  return first;
}

/** Of curves whose beginning was left out: they go on where MLflow's end, and the training step of a new result is known. */
function isEnough({ position, end }: Known, entry: TrackedRun): boolean {
  if (entry.whole) return true;
  const next = entry.points.find(({ n }) => n > position);
  if (next !== undefined && next.n > position + 1) return false;
  return entry.points.length > 0 || end === digestOf(entry);
}

/** Without training steps, which are not known where the curve was left out. */
const digestOf = ({ parameters, tags, results, status, endedAt }: TrackedRun): string =>
  createHash('sha256')
    .update(JSON.stringify([parameters, tags, results.map(({ name, value, at }) => [name, value, at]), status, endedAt]))
    .digest('hex');

async function tellPoints(mlflow: Mlflow, { id, position }: Known, { points }: TrackedRun, signal: AbortSignal): Promise<void> {
  const metrics = points
    .filter(({ n }) => n > position)
    .flatMap((point) => point.metrics.map(({ name, value }) => ({ n: point.n, metric: sent(name, value, point.at, point.step) })));
  for (let from = 0; from < metrics.length; from += METRICS_AT_ONCE) {
    signal.throwIfAborted();
    const batch = metrics.slice(from, from + METRICS_AT_ONCE);
    const last = batch.at(-1)?.n ?? position;
    // Of a point whose rest is in the next batch, that one tells.
    const whole = metrics[from + METRICS_AT_ONCE]?.n === last ? last - 1 : last;
    await mlflow.post('runs/log-batch', {
      run_id: id,
      metrics: batch.map(({ metric }) => metric),
      tags: pairs({ [TAGS.position]: String(whole) }),
    });
  }
}

/** Parameters, results, tags and status; told again only where they have changed. */
async function tellEnd(mlflow: Mlflow, { id, end }: Known, entry: TrackedRun): Promise<void> {
  const { parameters, tags, results, status, endedAt } = entry;
  const digest = digestOf(entry);
  if (end === digest) return;
  const params = Object.entries(parameters).map(([key, value]) => ({ key: nameOf(key), value: value.slice(0, LONGEST_PARAMETER) }));
  for (let from = 0; from < params.length; from += PARAMETERS_AT_ONCE)
    await mlflow.post('runs/log-batch', { run_id: id, params: params.slice(from, from + PARAMETERS_AT_ONCE) });
  const metrics = results.map(({ name, value, at, step }) => sent(name, value, at, step));
  for (let from = 0; from < metrics.length; from += METRICS_AT_ONCE)
    await mlflow.post('runs/log-batch', { run_id: id, metrics: metrics.slice(from, from + METRICS_AT_ONCE) });
  await mlflow.post('runs/update', { run_id: id, status: STATUS[status], ...(endedAt === null ? {} : { end_time: endedAt }) });
  await mlflow.post('runs/log-batch', { run_id: id, tags: pairs({ ...tags, [TAGS.end]: digest }) });
}

const sent = (name: string, value: number, timestamp: number, step: number): MetricSent => ({ key: nameOf(name), value, timestamp, step });

/** MLflow takes letters, digits, `_`, `-`, `.`, `:`, `/` and blanks. */
const nameOf = (name: string): string => name.replace(/[^A-Za-z0-9_\-.:/ ]/g, '_');

const pairs = (tags: Readonly<Record<string, string>>): Pair[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value: value.slice(0, LONGEST_TAG) }));

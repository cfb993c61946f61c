/** The console's facts from the real parts: queries and updates of the workflows, ledger, store and machines of each run's profile. */
import type { Longhaul, Run, Search } from '../client/index.ts';
import { orKept, type KeptRun } from '../client/kept-runs.ts';
import { clustersNow } from '../client/clusters.ts';
import { RefusedError } from '../client/errors.ts';
import { UPDATES } from '../contract/names.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { UpdateAnswer, Who } from '../contract/search-updates.ts';
import { Latest, ProgressRecord, Ready } from '../contract/trial.ts';
import type { Compute, ObjectStore, Ports } from '../ports/index.ts';
import { homeOfStepLog, keptAttempts, readKeptLog } from '../present/kept-logs.ts';
import type { Command, ConsoleSource, LogOptions, LogQuery } from './source.ts';
import type { TrialFiles } from './wire.ts';
import { GRACES } from '../rules/durations.ts';

const DOCUMENTS_KEPT = 200;
/** Records of one look; the next look reads on. */
const RECORDS_AT_ONCE = 500;
const READS_AT_ONCE = 16;
const EXPORTS_SHOWN = 50;

export function createLiveSource(longhaul: Longhaul, ports: Ports, ui: string | null): ConsoleSource {
  const documents = new Map<string, Promise<RunDocument>>();
  const kept = <T>(run: string, ask: () => Promise<T>, of: (ended: KeptRun) => T | undefined): Promise<T> =>
    orKept({ longhaul, ports }, run, ask, of);
  return {
    team: longhaul.target.team ?? null,
    schedules: () => longhaul.schedules.list(),
    clusters: (profile, team) => clustersNow(longhaul.client, team, profile),
    jobs: async (document) => (await ports.compute(document.profile)).list(),
    workflowLink: (workflowId) =>
      ui === null ? null : `${ui}/namespaces/${encodeURIComponent(longhaul.target.namespace)}/workflows/${encodeURIComponent(workflowId)}`,
    runs: (options) => longhaul.list(options),
    changes: (run) => longhaul.run(run).changes(),
    state: (run) =>
      kept(
        run,
        () => longhaul.run(run).state(),
        (ended) => ended.run,
      ),
    graph: (run) =>
      kept(
        run,
        () => longhaul.run(run).graph(),
        ({ graph }) => graph,
      ),
    document: (run) => {
      // A run's document never changes.
      const known =
        documents.get(run) ??
        kept(
          run,
          () => longhaul.run(run).document(),
          ({ document }) => document,
        );
      documents.set(run, known);
      known.catch(() => documents.delete(run));
      const oldest = documents.keys().next().value;
      if (documents.size > DOCUMENTS_KEPT && oldest !== undefined) documents.delete(oldest);
      return known;
    },
    search: (run, step) =>
      kept(
        run,
        () => longhaul.run(run).search(step).state(),
        ({ searches }) => searches[step],
      ),
    ledger: async (document, table, where, since) => (await ports.warehouse(document.profile)).ledger(table, where, since),
    progress: async (document, output, after) => progressAfter(await ports.store(document.profile), output, after),
    files: async (document, output) => trialFiles(await ports.store(document.profile), output),
    logs: (document, run, query, options) => logs(ports, longhaul, document, { ...query, run }, options),
    importance: (run, step, input) => longhaul.run(run).search(step).importance(input),
    send: (command) => send(longhaul.run(command.run), command),
  };
}

async function progressAfter(store: ObjectStore, output: string, after: number): Promise<ProgressRecord[]> {
  const found: ProgressRecord[] = [];
  for (let n = after + 1; found.length < RECORDS_AT_ONCE; n += READS_AT_ONCE) {
    // Records are numbered without gaps: one that is missing is the end. The first look is for one only, since mostly there is none.
    const many = n === after + 1 ? 1 : READS_AT_ONCE;
    const some = await Promise.all(Array.from({ length: many }, (_, i) => progressRecord(store, `${output}/progress/${n + i}.json`)));
    const end = some.findIndex((record) => record === null);
    for (const record of end < 0 ? some : some.slice(0, end)) if (record !== null && record !== 'unreadable') found.push(record);
    if (end >= 0) break;
    if (many === 1) n += 1 - READS_AT_ONCE;
  }
  return found;
}

async function progressRecord(store: ObjectStore, uri: string): Promise<ProgressRecord | 'unreadable' | null> {
  const object = await store.read(uri);
  return object && (parsed(ProgressRecord, object.data) ?? 'unreadable');
}

async function trialFiles(store: ObjectStore, output: string): Promise<TrialFiles> {
  const [latest, ready] = await Promise.all([store.read(`${output}/checkpoints/LATEST`), readyFiles(store, output)]);
  const head = latest && parsed(Latest, latest.data);
  const committed = head ? [head, ...head.previous] : [];
  const exports = await Promise.all(
    ready.map(async (uri) => {
      const object = await store.read(uri);
      const facts = object && parsed(Ready, object.data);
      if (!facts) return [];
      const { step, samples, bytes, best, time, metrics } = facts;
      return [{ name: facts.export, uri: uri.slice(0, -'/READY'.length), step, samples, bytes, best, time: time * 1000, metrics }];
    }),
  );
  return {
    checkpoints: committed.map((checkpoint, index) => ({
      name: checkpoint.checkpoint,
      step: numberIn(checkpoint.step),
      samples: numberIn(checkpoint.samples),
      reason: typeof checkpoint.reason === 'string' ? checkpoint.reason : null,
      bytes: bytesOf(checkpoint.files),
      latest: index === 0,
    })),
    exports: onlyLastBest(exports.flat().sort((a, b) => b.step - a.step)),
  };
}

/** Each was the best one when it was written; the newest of these still is. */
function onlyLastBest(exports: TrialFiles['exports']): TrialFiles['exports'] {
  const best = exports.find((one) => one.best);
  return exports.map((one) => ({ ...one, best: one === best }));
}

async function readyFiles(store: ObjectStore, output: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { uri } of store.list(`${output}/exports/`)) if (uri.endsWith('/READY')) found.push(uri);
  return found.slice(-EXPORTS_SHOWN);
}

const numberIn = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function bytesOf(files: unknown): number | null {
  if (typeof files !== 'object' || files === null) return null;
  return Object.values(files as Record<string, { bytes?: unknown }>).reduce((sum, { bytes }) => sum + (numberIn(bytes) ?? 0), 0);
}

function parsed<T>(schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } }, data: Uint8Array): T | null {
  try {
    const result = schema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

/** From the Job while there is one, else what was kept of it. */
async function* logs(
  ports: Ports,
  longhaul: Longhaul,
  document: RunDocument,
  query: LogQuery & { readonly run: string },
  options: LogOptions,
): AsyncIterable<string> {
  const run = longhaul.run(query.run);
  const compute = await ports.compute(document.profile);
  const name = await jobName(compute, run.id, query);
  if (name !== null) {
    yield* compute.logs(name, { follow: true, ...options });
    return;
  }
  const store = await ports.store(document.profile);
  const output =
    query.trial === undefined
      ? homeOfStepLog(store, run.id, query.step)
      : (
          await orKept(
            { longhaul, ports },
            run.id,
            () => run.search(query.step).state(),
            ({ searches }) => searches[query.step],
          )
        ).trials.find(({ trial }) => trial === query.trial)?.output;
  const attempt = query.attempt ?? (output === undefined ? undefined : (await keptAttempts(store, output)).at(-1)?.attempt);
  if (output === undefined || attempt === undefined) return;
  const last: string[] = [];
  for await (const { text } of readKeptLog(store, output, attempt)) if (last.push(text) > options.tailLines) last.shift();
  yield* last;
}

/** Null: no such Job (yet, or any more). */
async function jobName(compute: Compute, run: string, { step, trial, attempt }: LogQuery): Promise<string | null> {
  const jobs = (await compute.list({ run })).filter(
    ({ labels }) => labels.step === step && (trial === undefined || labels.trial === String(trial)),
  );
  if (attempt !== undefined) return jobs.find(({ labels }) => labels.attempt === String(attempt))?.name ?? null;
  const newest = jobs.sort((a, b) => Number(b.labels.attempt ?? 0) - Number(a.labels.attempt ?? 0))[0];
  return newest?.name ?? null;
}

type Payload = Who & Record<string, unknown>;

async function send(run: Run, { step, name, payload }: Command): Promise<UpdateAnswer> {
  if (step === undefined) return sendToRun(run, name, payload);
  const search = run.search(step);
  // Payloads were checked by `commandOf`, and the workflow checks them again.
  const updates: Readonly<Record<string, (payload: never) => Promise<UpdateAnswer>>> = {
    [UPDATES.pause]: search.pause,
    [UPDATES.resume]: search.resume,
    [UPDATES.stopTrial]: search.stopTrial,
    [UPDATES.keepTrial]: search.keepTrial,
    [UPDATES.prioritise]: search.prioritise,
    [UPDATES.addTrial]: search.addTrial,
    [UPDATES.forkTrial]: search.forkTrial,
    [UPDATES.setParallelism]: search.setParallelism,
    [UPDATES.setBudget]: search.setBudget,
    [UPDATES.setSpace]: search.setSpace,
    [UPDATES.setStopping]: search.setStopping,
    [UPDATES.approve]: search.approve,
    [UPDATES.reject]: search.reject,
  } satisfies Record<string, Search[keyof Search]>;
  const update = updates[name];
  if (!update) throw new RefusedError(`a search has no control “${name}”`);
  return update(payload as never);
}

async function sendToRun(run: Run, name: string, payload: Payload): Promise<UpdateAnswer> {
  switch (name) {
    case UPDATES.pause:
      return run.pause(payload);
    case UPDATES.resume:
      return run.resume(payload);
    case UPDATES.approve:
      return run.approve(payload);
    case UPDATES.reject:
      return run.reject(payload);
    case 'stop':
      await run.stop(payload, { patienceMs: GRACES.consoleStopMs });
      return { text: 'the run was stopped; the checkpoints and models of its trials are kept' };
    case 'cancel':
      await run.cancel(payload);
      return { text: 'the run is being cancelled: what runs is ended and removed, exit steps still run' };
    default:
      throw new RefusedError(`a run has no control “${name}”`);
  }
}

/** `longhaul gc`: gathers what may still be needed, decides by `src/rules/garbage.ts`, and removes one thing after another. */
import { CacheRecord } from '../cache/records.ts';
import { identify } from '../cache/identity.ts';
import type { Longhaul } from '../client/index.ts';
import { UnknownRunError } from '../client/errors.ts';
import { AdapterError } from '../contract/errors.ts';
import { homeOf } from '../contract/ids.ts';
import type { LedgerRow } from '../contract/ledger.ts';
import type { Profile } from '../contract/profile.ts';
import { GRACES } from '../rules/durations.ts';
import { auditedRun } from '../rules/audits.ts';
import { decideGarbage, textsIn } from '../rules/garbage.ts';
import type { Made, MadeRecord, Reference } from '../rules/garbage.ts';
import type { JobInfo } from '../ports/compute.ts';
import { everyCluster } from '../ports/every-cluster.ts';
import type { ObjectInfo } from '../ports/object-store.ts';
import type { ObjectStore, Ports, Warehouse } from '../ports/index.ts';
import { removeUnchanged, type GarbageResult, type Removal } from './garbage-removal.ts';
import { unusedScores } from './garbage-scores.ts';
import { DEFAULT_LOG_BOUNDS, stepLogHome } from '../rules/kept-logs.ts';

export interface GarbageOptions {
  /** ms since 1970: what was used later stays. */
  readonly before: number;
  readonly dryRun: boolean;
  /** Also end Jobs of runs that this server does not know. */
  readonly orphans: boolean;
  /** Also remove models that nobody promoted. */
  readonly candidates: boolean;
}

type Runs = Pick<Longhaul, 'list' | 'run'>;
const MAX_RUNS = 10_000;
const DAY_MS = 86_400_000;
const OPEN = ['running', 'paused', 'waiting'] as const;

export async function collectGarbage(runs: Runs, ports: Ports, profile: Profile, options: GarbageOptions): Promise<GarbageResult> {
  const result: GarbageResult = { found: [], kept: [], failed: [] };
  const trials = (await (await ports.warehouse(profile)).ledger('trials')).filter(({ output }) => typeof output === 'string');
  const removals = [
    ...(await jobs(runs, ports, profile, options, result)),
    ...(await outputs(runs, ports, profile, options, result)),
    ...(await logs(runs, ports, profile, trials, result)),
    ...(await auditPairs(runs, await ports.store(profile), trials, options, result)),
    ...(await unusedScores(await ports.store(profile), () => openRuns(runs), options, result)),
  ];
  const gone = new Set<Removal>();
  for (const removal of removals) {
    const { what, name, reason } = removal;
    if (removal.after && !gone.has(removal.after)) {
      result.kept.push({ what, name, reason: `${removal.after.name} could not be removed` });
      continue;
    }
    try {
      if (options.dryRun || (await removal.remove())) {
        gone.add(removal);
        result.found.push({ what, name, reason });
      } else result.kept.push({ what, name, reason: 'it was used or made anew a moment ago' });
    } catch (error) {
      result.failed.push({ what, name, reason, error: messageOf(error) });
    }
  }
  return result;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function jobs(runs: Runs, ports: Ports, profile: Profile, { orphans }: GarbageOptions, result: GarbageResult): Promise<Removal[]> {
  const compute = await everyCluster(ports, profile, {
    onSilent: (cluster, error) =>
      result.failed.push({ what: 'job', name: `all of cluster ${cluster}`, reason: 'it does not answer', error: messageOf(error) }),
  });
  const home = homeOf((await ports.store(profile)).root);
  const everybodys = await compute.list();
  // Another installation in the same namespace looks after its own.
  const isOurs = ({ labels }: JobInfo): boolean => labels.home === undefined || labels.home === home;
  for (const { name, phase } of everybodys.filter((job) => !isOurs(job)))
    result.kept.push({ what: phase === 'ended' ? 'job' : 'orphan', name, reason: 'it belongs to another installation' });
  const found = everybodys.filter(isOurs);
  const states = new Map<string, 'open' | 'ended' | 'unknown'>();
  for (const run of new Set(found.map((job) => job.labels.run ?? ''))) states.set(run, await stateOf(runs, run));
  return found.flatMap((job: JobInfo): Removal[] => {
    const state = states.get(job.labels.run ?? '');
    if (state === 'open') return [];
    const what = job.phase === 'ended' ? 'job' : 'orphan';
    const reason = state === 'ended' ? `run ${job.labels.run ?? ''} has ended` : 'this Temporal server knows no such run';
    if (what === 'orphan' && state === 'unknown' && !orphans) {
      result.kept.push({ what, name: job.name, reason: `${reason}, another one may: --orphans ends it` });
      return [];
    }
    return [
      {
        what,
        name: job.name,
        reason,
        remove: () => compute.remove(job.name, { waitSeconds: GRACES.removalPatienceSeconds }).then(() => true),
      },
    ];
  });
}

async function stateOf(runs: Runs, run: string): Promise<'open' | 'ended' | 'unknown'> {
  const audited = auditedRun(run);
  try {
    if (audited !== null) return (await runs.run(audited).isAudited()) ? 'open' : 'ended';
    return (await runs.run(run).state()).endedAt === null ? 'open' : 'ended';
  } catch (error) {
    if (error instanceof UnknownRunError) return 'unknown';
    // Whoever cannot be asked may still be at work.
    return 'open';
  }
}

async function outputs(runs: Runs, ports: Ports, profile: Profile, options: GarbageOptions, result: GarbageResult): Promise<Removal[]> {
  const [store, warehouse] = await Promise.all([ports.store(profile), ports.warehouse(profile)]);
  const records = await readRecords(store);
  const references = await referencesTo(runs, warehouse, options);
  const decisions = await decideGarbage(
    records.map(({ record }) => record),
    options.before,
    references,
    (made) => identify(ports, profile, '', made),
  );
  return decisions.flatMap(({ record, made }, index): Removal[] => {
    const { generation } = records[index] ?? { generation: '' };
    if (!record.remove) {
      result.kept.push({ what: record.what, name: record.name, reason: record.reason });
      return [];
    }
    const first: Removal = { ...record, remove: () => removeUnchanged(store, record.name, generation) };
    const prefixes = made.flatMap(({ what, name, remove }) => (what === 'objects' && remove ? [`${name}/`] : []));
    const rest = made.flatMap((decision, at): Removal[] => {
      const each = records[index]?.record.made?.[at];
      // A manifest goes with the prefix that it lies in.
      if (prefixes.some((prefix) => decision.name.startsWith(prefix))) return [];
      if (decision.remove && each) return [{ ...decision, after: first, remove: () => removeMade(ports, profile, store, warehouse, each) }];
      if (decision.reason !== 'it is gone already') result.kept.push({ what: decision.what, name: decision.name, reason: decision.reason });
      return [];
    });
    return [first, ...rest];
  });
}

/** Logs of ended runs, of their trials and steps, that were kept for as long as the profile says. */
async function logs(
  runs: Runs,
  ports: Ports,
  profile: Profile,
  rows: readonly LedgerRow<'trials'>[],
  result: GarbageResult,
): Promise<Removal[]> {
  const [store, warehouse] = await Promise.all([ports.store(profile), ports.warehouse(profile)]);
  const days = (profile.logs ?? DEFAULT_LOG_BOUNDS).keepDays;
  const before = Date.now() - days * DAY_MS;
  const trials = rows.filter((row) => Date.parse(row.time) < before).map(({ run, output }) => ({ run, output: String(output) }));
  const steps = (await warehouse.ledger('steps'))
    .filter(({ kind, time }) => kind !== 'search' && Date.parse(time) < before)
    .map(({ run, step }) => ({ run, output: stepLogHome(store.root, run, String(step)) }));
  const old = [...new Map([...trials, ...steps].map((one) => [one.output, one])).values()];
  const states = new Map<string, 'open' | 'ended' | 'unknown'>();
  for (const run of new Set(old.map((row) => row.run))) states.set(run, await stateOf(runs, run));
  const found: Removal[] = [];
  for (const { run, output } of old) {
    const prefix = `${output}/logs`;
    if (!prefix.startsWith(`${store.root}/`)) continue;
    const objects = await objectsOf(store, prefix);
    if (objects.length === 0) continue;
    const reason = `kept for ${days} days (logs.keepDays)`;
    if (states.get(run) === 'open' || objects.some(({ updatedAt }) => updatedAt >= before)) {
      result.kept.push({ what: 'logs', name: prefix, reason: states.get(run) === 'open' ? `run ${run} is open` : 'some of it is newer' });
      continue;
    }
    found.push({ what: 'logs', name: prefix, reason, remove: () => removeAll(store, objects) });
  }
  return found;
}

/** Checkpoints that trials of ended runs have kept for an audit which nobody has made since. */
async function auditPairs(
  runs: Runs,
  store: ObjectStore,
  rows: readonly LedgerRow<'trials'>[],
  { before }: GarbageOptions,
  result: GarbageResult,
): Promise<Removal[]> {
  const old = rows.filter((row) => Date.parse(row.time) < before && String(row.output).startsWith(`${store.root}/`));
  const busy = new Map<string, string | null>();
  const found: Removal[] = [];
  for (const { run, output, time } of old) {
    const prefix = `${String(output)}/audits`;
    const objects = await objectsOf(store, prefix);
    if (objects.length === 0) continue;
    if (!busy.has(run)) busy.set(run, await whyBusy(runs, run));
    const why = objects.some(({ updatedAt }) => updatedAt >= before) ? 'some of it is newer' : (busy.get(run) ?? null);
    if (why !== null) {
      result.kept.push({ what: 'audit pair', name: prefix, reason: why });
      continue;
    }
    const reason = `kept since ${time.slice(0, 10)} for an audit that nobody made`;
    found.push({ what: 'audit pair', name: prefix, reason, remove: () => removeAll(store, objects) });
  }
  return found;
}

async function whyBusy(runs: Runs, run: string): Promise<string | null> {
  if ((await stateOf(runs, run)) === 'open') return `run ${run} is open`;
  // Whoever cannot be asked may be at work.
  const audited = await runs
    .run(run)
    .isAudited()
    .catch((error: unknown) => !(error instanceof UnknownRunError));
  return audited ? `an audit of ${run} goes on` : null;
}

async function readRecords(store: ObjectStore): Promise<{ readonly record: MadeRecord; readonly generation: string }[]> {
  const found = [];
  for await (const info of store.list(`${store.root}/cache/`)) {
    if (!info.uri.endsWith('.json')) continue;
    const object = await store.read(info.uri);
    if (!object) continue;
    found.push({
      record: { name: info.uri, usedAt: object.info.updatedAt, made: madeOf(object.data, store.root) },
      generation: object.info.generation,
    });
  }
  return found;
}

function madeOf(data: Uint8Array, root: string): Made[] | null {
  try {
    const { made } = CacheRecord.parse(JSON.parse(new TextDecoder().decode(data)));
    // What lies elsewhere is somebody else's.
    return made.filter(({ type, value }) => type === 'table' || value.startsWith(`${root}/`));
  } catch {
    return null;
  }
}

async function referencesTo(runs: Runs, warehouse: Warehouse, { before, candidates }: GarbageOptions): Promise<Reference[]> {
  const [steps, models] = await Promise.all([warehouse.ledger('steps'), warehouse.ledger('models')]);
  const lately = steps.filter((row) => Date.parse(row.time) >= before);
  const staged = models.filter((row) => !candidates || row.stage !== 'candidate');
  return [
    ...(await openRuns(runs)),
    ...staged.map((row) => ({ who: `model ${String(row.model)} (${String(row.stage)})`, texts: textsIn([row.export]) })),
    ...lately.map((row) => ({ who: `run ${row.run} of ${row.time.slice(0, 10)}`, texts: textsIn([row.outputs]) })),
  ];
}

/** What the documents of open runs name, and what their steps have made or found. */
async function openRuns(runs: Runs): Promise<Reference[]> {
  const open = (await Promise.all(OPEN.map((status) => runs.list({ status, limit: MAX_RUNS })))).flat();
  const found: Reference[] = [];
  for (const { run: id } of open) {
    const run = runs.run(id);
    const who = `run ${id}, which is open,`;
    try {
      const [document, state] = await Promise.all([run.document(), run.state()]);
      if (state.endedAt === null) found.push({ who, texts: textsIn([document, state.steps]) });
    } catch (error) {
      if (!(error instanceof UnknownRunError)) found.push({ who, texts: null });
    }
  }
  return found;
}

async function removeAll(store: ObjectStore, objects: readonly ObjectInfo[]): Promise<true> {
  for (const { uri, generation } of objects) await removeUnchanged(store, uri, generation);
  return true;
}

/** Another run may have made the same since it was decided about. */
async function removeMade(ports: Ports, profile: Profile, store: ObjectStore, warehouse: Warehouse, made: Made): Promise<boolean> {
  if (made.type === 'table') {
    if ((await identify(ports, profile, '', made)) !== made.identity) return false;
    await warehouse.drop(made.value);
    return true;
  }
  const objects = await objectsOf(store, made.value);
  if ((await identify(ports, profile, '', made)) !== made.identity) return false;
  return removeAll(store, objects);
}

async function objectsOf(store: ObjectStore, uri: string): Promise<ObjectInfo[]> {
  const one = uri.endsWith('/') ? null : await store.stat(uri).catch(notAnObject);
  if (one) return [one];
  const found = [];
  for await (const info of store.list(`${uri.replace(/\/+$/, '')}/`)) found.push(info);
  return found;
}

/** In a directory a prefix of objects is no object, and is told so. */
function notAnObject(error: unknown): null {
  if (error instanceof AdapterError && error.type === 'InvalidInput') return null;
  throw error;
}

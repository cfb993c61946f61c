/** `longhaul gc`: gathers what may still be needed, decides by `src/rules/garbage.ts`, and removes one thing after another. */
import { CacheRecord } from '../../cache/records.ts';
import { identify } from '../../cache/identity.ts';
import { UnknownRunError } from '../../client/errors.ts';
import { homeOf } from '../../contract/ids.ts';
import type { Profile } from '../../contract/profile.ts';
import { GRACES } from '../../rules/durations.ts';
import { decideGarbage, textsIn } from '../../rules/garbage.ts';
import type { Made, MadeRecord, Reference } from '../../rules/garbage.ts';
import type { JobInfo } from '../../ports/compute.ts';
import { everyCluster } from '../../ports/every-cluster.ts';
import type { ObjectStore, Ports, Warehouse } from '../../ports/index.ts';
import { objectsOf, removeAll, stateOf } from './parts.ts';
import type { GarbageOptions, Runs, RunStatus } from './parts.ts';
import { removeUnchanged, type GarbageResult, type Removal } from './removal.ts';
import { unusedCode } from './code.ts';
import { documentsIn, type StoredDocument } from './documents.ts';
import { unusedScripts } from './scripts.ts';
import { unusedScores } from './scores.ts';
import { auditPairs, checkpoints, logs } from './trials.ts';

const MAX_RUNS = 10_000;
const OPEN = ['running', 'paused', 'waiting'] as const;

export async function collectGarbage(runs: Runs, ports: Ports, profile: Profile, options: GarbageOptions): Promise<GarbageResult> {
  const result: GarbageResult = { found: [], kept: [], failed: [] };
  const [store, warehouse] = await Promise.all([ports.store(profile), ports.warehouse(profile)]);
  const trials = (await warehouse.ledger('trials')).filter(({ output }) => typeof output === 'string');
  const open = await openRuns(runs);
  let read: Promise<readonly StoredDocument[]> | null = null;
  const documents = (): Promise<readonly StoredDocument[]> => (read ??= documentsIn(store));
  const removals = [
    ...(await jobs(runs, ports, profile, options, result)),
    ...(await outputs(ports, profile, [...open, ...(await recorded(warehouse, options))], options, result)),
    ...(await logs(runs, ports, profile, trials, result)),
    ...(await auditPairs(runs, store, trials, options, result)),
    ...(await unusedScripts({ runs, store, warehouse, options, open, documents }, result)),
    ...(await unusedScores(store, () => Promise.resolve(open), options, result)),
    ...(await checkpoints(runs, store, profile, trials, open, result)),
  ];
  const others = [...result.kept, ...removals.filter(({ what }) => what !== 'cache record')];
  removals.push(...(await unusedCode({ runs, store, warehouse, profile, trials, options, open, documents, others }, result)));
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
  const states = new Map<string, RunStatus>();
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

async function outputs(
  ports: Ports,
  profile: Profile,
  references: readonly Reference[],
  options: GarbageOptions,
  result: GarbageResult,
): Promise<Removal[]> {
  const [store, warehouse] = await Promise.all([ports.store(profile), ports.warehouse(profile)]);
  const records = await readRecords(store);
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

/** Models with a stage, and steps that ran lately. */
async function recorded(warehouse: Warehouse, { before, candidates }: GarbageOptions): Promise<Reference[]> {
  const [steps, models] = await Promise.all([warehouse.ledger('steps'), warehouse.ledger('models')]);
  const lately = steps.filter((row) => Date.parse(row.time) >= before);
  const staged = models.filter((row) => !candidates || row.stage !== 'candidate');
  return [
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

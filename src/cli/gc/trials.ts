/** What `longhaul gc` removes of trials: logs, pairs that were kept for audits, and checkpoints that nobody has gone on from. */
import { UnknownRunError } from '../../client/errors.ts';
import type { LedgerRow } from '../../contract/ledger.ts';
import type { Profile } from '../../contract/profile.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import type { ObjectStore, Ports } from '../../ports/index.ts';
import { GRACES } from '../../rules/durations.ts';
import type { Reference } from '../../rules/garbage.ts';
import { DEFAULT_LOG_BOUNDS, stepLogHome } from '../../rules/kept-logs.ts';
import { objectsOf, removeAll, stateOf } from './parts.ts';
import type { GarbageOptions, Runs, RunStatus } from './parts.ts';
import type { GarbageResult, Removal } from './removal.ts';

const DAY_MS = 86_400_000;

/** Logs of ended runs, of their trials and steps, that were kept for as long as the profile says. */
export async function logs(
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
  const states = new Map<string, RunStatus>();
  for (const run of new Set(old.map((row) => row.run))) states.set(run, await stateOf(runs, run));
  const found: Removal[] = [];
  for (const { run, output } of old) {
    const prefix = `${output}/logs`;
    if (!prefix.startsWith(`${store.root}/`)) continue;
    const objects = await objectsOf(store, prefix);
    if (objects.length === 0) continue;
    const reason = `kept for ${days} days (logs.keepFor)`;
    if (states.get(run) === 'open' || objects.some(({ updatedAt }) => updatedAt >= before)) {
      result.kept.push({ what: 'logs', name: prefix, reason: states.get(run) === 'open' ? `run ${run} is open` : 'some of it is newer' });
      continue;
    }
    found.push({ what: 'logs', name: prefix, reason, remove: () => removeAll(store, objects) });
  }
  return found;
}

/** Checkpoints that trials of ended runs have kept for an audit which nobody has made since. */
export async function auditPairs(
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
    if (!busy.has(run)) busy.set(run, await whyInUse(runs, run));
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

/** An audit of an ended run goes on, or nobody can tell. */
export async function whyInUse(runs: Runs, run: string): Promise<string | null> {
  if ((await stateOf(runs, run)) === 'open') return `run ${run} is open`;
  // Whoever cannot be asked may be at work.
  const audited = await runs
    .run(run)
    .isAudited()
    .catch((error: unknown) => !(error instanceof UnknownRunError));
  return audited ? `an audit of ${run} goes on` : null;
}

/**
 * Checkpoints of the trials of ended searches, from which an extended run or a retried one may go on for as long as the profile says; a search
 * is decided about as a whole.
 *
 * @param references what open runs name; one of them may have trials of an ended run yet to take over
 */
export async function checkpoints(
  runs: Runs,
  store: ObjectStore,
  profile: Profile,
  rows: readonly LedgerRow<'trials'>[],
  references: readonly Reference[],
  result: GarbageResult,
): Promise<Removal[]> {
  const days = profile.checkpoints?.keepDays ?? GRACES.checkpointsKeptDays;
  const before = Date.now() - days * DAY_MS;
  const found: Removal[] = [];
  for (const [home, trials] of searchesOf(rows, store.root)) {
    const outputs = new Set(trials.map(({ output }) => String(output)));
    const places = [...[...outputs].map((output) => `${output}/checkpoints/`), `${home}/pins/`];
    if (!(await hasSome(store, places))) continue;
    const name = `${home} (checkpoints of ${outputs.size} trials)`;
    const newest = Math.max(...trials.map(({ time }) => Date.parse(time)));
    const owners = [...new Set(trials.map(({ run }) => run))];
    const needed = await whyNeeded(runs, home, owners, references);
    if (needed !== null || newest >= before) {
      const until = `extend and retry go on from them until ${new Date(newest + days * DAY_MS).toISOString().slice(0, 10)}`;
      result.kept.push({ what: 'checkpoints', name, reason: needed ?? `${until} (checkpoints.keepFor, ${days} days)` });
      continue;
    }
    const objects = (await Promise.all(places.map((place) => objectsOf(store, place)))).flat();
    if (objects.some(({ updatedAt }) => updatedAt >= before)) {
      result.kept.push({ what: 'checkpoints', name, reason: 'some of it is newer' });
      continue;
    }
    const reason = `kept for ${days} days (checkpoints.keepFor) since ${new Date(newest).toISOString().slice(0, 10)}`;
    found.push({ what: 'checkpoints', name, reason, remove: () => removeAll(store, latestFirst(objects)) });
  }
  return found;
}

/** By the prefix of the search's outputs. A trial that an extended run has not let go on yet has the output of the run that it is from. */
function searchesOf(rows: readonly LedgerRow<'trials'>[], root: string): Map<string, LedgerRow<'trials'>[]> {
  const found = new Map<string, LedgerRow<'trials'>[]>();
  for (const row of rows) {
    const home = /^(.+)\/trial-\d+$/.exec(String(row.output))?.[1];
    if (home === undefined || !home.startsWith(`${root}/`)) continue;
    found.set(home, [...(found.get(home) ?? []), row]);
  }
  return found;
}

async function whyNeeded(runs: Runs, home: string, owners: readonly string[], references: readonly Reference[]): Promise<string | null> {
  for (const { who, texts } of references) {
    if (texts === null) return `${who} could not tell what it uses`;
    if (texts.some((text) => text.includes(`${home}/`))) return `${who} names something below ${home}`;
    const named = owners.find((run) => texts.includes(run));
    if (named !== undefined) return `${who} goes on with trials of ${named}`;
  }
  for (const run of owners) {
    const why = await whyInUse(runs, run);
    if (why !== null) return why;
  }
  return null;
}

async function hasSome(store: ObjectStore, places: readonly string[]): Promise<boolean> {
  for (const place of places) for await (const _ of store.list(place)) return true;
  return false;
}

/** What is left of a removal that was cut short names no file that is gone. */
const latestFirst = (objects: readonly ObjectInfo[]): ObjectInfo[] =>
  [...objects].sort((a, b) => Number(b.uri.endsWith('/LATEST')) - Number(a.uri.endsWith('/LATEST')));

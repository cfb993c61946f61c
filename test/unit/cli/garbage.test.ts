import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkShipped } from '../../../activities/shipped-code.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { identify } from '../../../src/cache/identity.ts';
import { createStepCache } from '../../../src/cache/records.ts';
import { keepScript } from '../../../src/cache/scripts.ts';
import { collectGarbage } from '../../../src/cli/gc/collect.ts';
import type { GarbageOptions, Runs } from '../../../src/cli/gc/parts.ts';
import type { GarbageResult } from '../../../src/cli/gc/removal.ts';
import { UnknownRunError } from '../../../src/client/errors.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import { homeOf } from '../../../src/contract/ids.ts';
import type { JobSpec } from '../../../src/contract/jobs.ts';
import type { Profile } from '../../../src/contract/profile.ts';
import { ScriptSpec, type Step } from '../../../src/contract/steps.ts';
import type { ObjectStore, Ports, Warehouse } from '../../../src/ports/index.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';
import type { MemoryPorts } from '../../workflow/memory-ports.ts';

const DAY_MS = 86_400_000;
const NOW = Date.now();
const OLD = NOW - 40 * DAY_MS;
const PROFILE = {} as Profile;
const OPTIONS: GarbageOptions = { before: NOW - 30 * DAY_MS, dryRun: false, orphans: false, candidates: false };

interface Scene {
  readonly ports: Ports;
  readonly memory: MemoryPorts;
  readonly store: ObjectStore;
  readonly dropped: string[];
  readonly ledger: { [Table in 'runs' | 'steps' | 'models' | 'trials']: LedgerRow<Table>[] };
  /** Runs by name: what they name, or why nobody can ask them. */
  readonly open: Map<string, unknown>;
  /** Runs of which an audit goes on. */
  readonly audited: Set<string>;
  /** By name; null: it cannot be read. */
  readonly schedules: Map<string, unknown>;
}

let folder: string;
let scene: Scene;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-gc-'));
  const store = await openDirectoryStore({ kind: 'directory', path: folder });
  const memory = createMemoryPorts();
  const dropped: string[] = [];
  const ledger: Scene['ledger'] = { runs: [], steps: [], models: [], trials: [] };
  const warehouse: Partial<Warehouse> = {
    describe: async (name) => memory.tables.get(name) ?? null,
    drop: async (name) => {
      dropped.push(name);
      memory.tables.delete(name);
    },
    ledger: (async (table: keyof Scene['ledger']) => ledger[table]) as Warehouse['ledger'],
  };
  const ports: Ports = { store: async () => store, warehouse: async () => warehouse as Warehouse, compute: memory.compute };
  scene = { ports, memory, store, dropped, ledger, open: new Map(), audited: new Set(), schedules: new Map() };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const runs = (): Runs =>
  ({
    list: async ({ status }: { status: string }) => (status === 'running' ? [...scene.open.keys()].map((run) => ({ run })) : []),
    run: (id: string) => ({
      document: async () => scene.open.get(id),
      isAudited: async () => scene.audited.has(id),
      state: async () => {
        if (id.startsWith('ended')) return { endedAt: 1, steps: [] };
        const found = scene.open.get(id);
        if (found instanceof Error) throw found;
        if (found === undefined) throw new UnknownRunError(id);
        return { endedAt: null, steps: [] };
      },
    }),
    schedules: { documents: async () => [...scene.schedules].map(([name, document]) => ({ name, document })) },
  }) as unknown as Runs;

const collect = (changes: Partial<GarbageOptions> = {}): Promise<GarbageResult> =>
  collectGarbage(runs(), scene.ports, PROFILE, { ...OPTIONS, ...changes });

const uriOf = (path: string): string => `${scene.store.root}/${path}`;
const table = (name: string, version = 'v1'): void => {
  scene.memory.tables.set(name, { table: name, rows: 1, bytes: 1, version, columns: [], job: null });
};

/** A record of things that are there, last used at that time. */
async function record(key: string, made: readonly { type: 'table' | 'uri'; value: string }[], usedAt: number): Promise<string> {
  const identified = await Promise.all(
    made.map(async (each) => ({ ...each, identity: (await identify(scene.ports, PROFILE, '', each)) ?? '' })),
  );
  const uri = uriOf(`cache/${key}.json`);
  const by = { run: 'r', step: 's', at: new Date(usedAt).toISOString() };
  await scene.store.write(uri, JSON.stringify({ version: 1, digest: key, outputs: {}, made: identified, by }));
  await utimes(fileURLToPath(uri), usedAt / 1000, usedAt / 1000);
  return uri;
}

async function parts(prefix: string): Promise<string> {
  for (const name of ['manifest.json', 'part-0.parquet', 'deep/part-1.parquet']) await scene.store.write(uriOf(`${prefix}/${name}`), name);
  return uriOf(prefix);
}

const names = (found: readonly { name: string }[]): string[] => found.map(({ name }) => name);
async function left(prefix: string): Promise<number> {
  let count = 0;
  for await (const _ of scene.store.list(`${uriOf(prefix)}/`)) count++;
  return count;
}

describe('longhaul gc', () => {
  it('removes an old record with its tables and prefixes, and says why', async () => {
    table('d.old');
    const prefix = await parts('p/parts/k1');
    const uri = await record(
      'k1',
      [
        { type: 'table', value: 'd.old' },
        { type: 'uri', value: prefix },
        { type: 'uri', value: `${prefix}/manifest.json` },
      ],
      OLD,
    );
    const { found, kept, failed } = await collect();
    expect(names(found)).toEqual([uri, 'd.old', prefix]);
    expect(kept).toEqual([]);
    expect(failed).toEqual([]);
    expect(found[0]?.reason).toMatch(/^not used since 20/);
    expect([scene.dropped, await left('p'), await left('cache')]).toEqual([['d.old'], 0, 0]);
  });

  it.each(['table', 'uri'] as const)('keeps a %s that an open run names anywhere in its document', async (type) => {
    table('d.used');
    const value = type === 'table' ? 'd.used' : await parts('p/parts/k1');
    await record('k1', [{ type, value }], OLD);
    const below = type === 'table' ? value : `${value}/part-0.parquet`;
    scene.open.set('busy', { steps: [{ spec: { data: [{ text: JSON.stringify({ deep: below }) }] } }] });
    const { found, kept } = await collect();
    expect(found).toEqual([]);
    expect(kept[0]?.reason).toBe(`run busy, which is open, uses ${value}`);
  });

  it('does not take a longer name for the shorter one', async () => {
    table('d.features');
    await record('k1', [{ type: 'table', value: 'd.features' }], OLD);
    scene.open.set('busy', { table: 'd.features_2', other: 'prod.d.features' });
    expect(names((await collect()).found)).toContain('d.features');
  });

  it('keeps everything of the cache while an open run cannot be asked', async () => {
    table('d.t');
    await record('k1', [{ type: 'table', value: 'd.t' }], OLD);
    scene.open.set('mute', new Error('no worker answers'));
    expect((await collect()).kept[0]?.reason).toBe('run mute, which is open, could not tell what it uses');
    expect(scene.dropped).toEqual([]);
  });

  it.each([
    ['champion', false, true],
    ['candidate', false, true],
    ['candidate', true, false],
    ['champion', true, true],
  ])('a model of stage %s with --candidates %s: kept %s', async (stage, candidates, kept) => {
    const model = await parts('p/search/trial-1/exports/000060');
    await record('k1', [{ type: 'uri', value: model }], OLD);
    scene.ledger.models.push({ model: 'm', stage, export: model } as unknown as LedgerRow<'models'>);
    await collect({ candidates });
    expect((await left('p')) > 0).toBe(kept);
  });

  it('keeps what a run of late has used, though nobody renewed its record', async () => {
    table('d.t');
    await record('k1', [{ type: 'table', value: 'd.t' }], OLD);
    const row = { run: 'r2', time: new Date(NOW - DAY_MS).toISOString(), outputs: '{"table":"d.t"}' };
    scene.ledger.steps.push(row as unknown as LedgerRow<'steps'>);
    expect((await collect()).found).toEqual([]);
  });

  it('keeps what a newer record names, or what lies around or within it', async () => {
    const outer = await parts('p/container/k1');
    table('d.same');
    const old = await record('k1', [{ type: 'table', value: 'd.same' }, { type: 'uri', value: outer }], OLD); // prettier-ignore
    const newer = await record('k2', [{ type: 'table', value: 'd.same' }, { type: 'uri', value: `${outer}/deep` }], NOW); // prettier-ignore
    const { found, kept } = await collect();
    expect(names(found)).toEqual([old]);
    expect(kept.filter(({ what }) => what !== 'cache record').map(({ reason }) => reason)).toEqual(Array(2).fill(`${newer} names it too`));
    expect(await left('p')).toBe(3);
  });

  it.each(['table', 'uri'] as const)('keeps a %s that was made anew since', async (type) => {
    table('d.t');
    const value = type === 'table' ? 'd.t' : await parts('p/parts/k1');
    const uri = await record('k1', [{ type, value }], OLD);
    if (type === 'table') table('d.t', 'v2');
    else await scene.store.write(`${value}/part-0.parquet`, 'newer');
    const { found, kept } = await collect();
    expect(names(found)).toEqual([uri]);
    expect(kept[0]?.reason).toBe('it was made anew since');
  });

  it('goes on after an error, tells of it, and leaves what hangs on it', async () => {
    table('d.one');
    table('d.two');
    await record('k1', [{ type: 'table', value: 'd.one' }], OLD);
    await record('k2', [{ type: 'table', value: 'd.two' }], OLD);
    const warehouse = await scene.ports.warehouse(PROFILE);
    const { drop } = warehouse;
    Object.assign(warehouse, {
      drop: async (name: string) => (name === 'd.one' ? Promise.reject(new Error('no right to drop it')) : drop(name)),
    });
    const { found, failed } = await collect();
    expect(failed).toMatchObject([{ name: 'd.one', error: 'no right to drop it' }]);
    expect(names(found)).toContain('d.two');
  });

  it('leaves a record that is hit while it looks, and all that it made', async () => {
    table('d.t');
    const uri = await record('k1', [{ type: 'table', value: 'd.t' }], OLD);
    const cache = createStepCache(scene.store, async () => false);
    const { describe: look } = await scene.ports.warehouse(PROFILE);
    Object.assign(await scene.ports.warehouse(PROFILE), {
      describe: async (name: string) => {
        expect(await cache.renew('k1')).toBe(true);
        return look(name);
      },
    });
    const { found, kept } = await collect();
    expect(found).toEqual([]);
    expect(names(kept)).toEqual([uri, 'd.t']);
    expect(scene.dropped).toEqual([]);
    expect((await collect()).kept[0]?.reason).toMatch(/^used on/);
  });

  it.each([
    ['ended-1', 100, 100, false],
    ['ended-1', 100, 10, true],
    ['ended-1', 10, 10, true],
    ['busy', 100, 100, true],
  ])('logs of %s, whose trial ended %i days ago, last written %i days ago, stay: %s', async (run, endedDays, writtenDays, stay) => {
    const uri = uriOf('p/search/trial-4/logs/1/000000000001.log');
    await scene.store.write(uri, 'line');
    const written = (NOW - writtenDays * DAY_MS) / 1000;
    await utimes(fileURLToPath(uri), written, written);
    const time = new Date(NOW - endedDays * DAY_MS).toISOString();
    scene.ledger.trials.push({ run, time, output: uriOf('p/search/trial-4') } as unknown as LedgerRow<'trials'>);
    scene.open.set('busy', {});
    const { found } = await collect();
    expect((await left('p')) > 0).toBe(stay);
    expect(found.map(({ what }) => what)).toEqual(stay ? [] : ['logs']);
  });

  it.each([
    ['of an ended run', 'ended-1', 100, 100, true],
    ['that ended lately', 'ended-1', 10, 10, false],
    ['that was written to lately, as by a run that was retried', 'ended-1', 100, 10, false],
    ['of a run that is open', 'busy', 100, 100, false],
  ])('logs of all attempts of a step %s go by the same days, and nothing beside them', async (_what, run, endedDays, writtenDays, go) => {
    const names = ['logs/1/000000000001.log', 'logs/1/END.json', 'logs/2/000000000001.log', 'outputs.json'];
    const home = `runs/${run}/steps/tidy.week-1`;
    const written = (NOW - writtenDays * DAY_MS) / 1000;
    for (const name of [...names.map((each) => `${home}/${each}`), `runs/${run}/steps/tidy.week-10/logs/1/000000000001.log`]) {
      await scene.store.write(uriOf(name), 'line');
      await utimes(fileURLToPath(uriOf(name)), written, written);
    }
    const time = new Date(NOW - endedDays * DAY_MS).toISOString();
    const row = { run, time, kind: 'script', outputs: {} };
    scene.ledger.steps.push({ ...row, step: 'tidy.week-1' } as unknown as LedgerRow<'steps'>);
    scene.open.set('busy', {});
    const { found } = await collect();
    expect(found).toEqual(go ? [{ what: 'logs', name: uriOf(`${home}/logs`), reason: 'kept for 90 days (logs.keepFor)' }] : []);
    expect(await left(home)).toBe(go ? 1 : names.length);
    expect(await left(`runs/${run}/steps/tidy.week-10`)).toBe(1);
  });

  it('only tells what would go when it is asked to', async () => {
    table('d.t');
    await record('k1', [{ type: 'table', value: 'd.t' }], OLD);
    expect((await collect({ dryRun: true })).found).toHaveLength(2);
    expect([scene.dropped, await left('cache')]).toEqual([[], 1]);
  });

  it('ends Jobs of ended runs, and those of runs that it does not know only when told to', async () => {
    const compute = await scene.ports.compute(PROFILE);
    for (const run of ['ended-1', 'busy', 'foreign']) await compute.create({ name: `${run}-job`, labels: { run } } as unknown as JobSpec);
    scene.open.set('busy', {});
    const first = await collect();
    expect(names(first.found)).toEqual(['ended-1-job']);
    expect(first.kept).toMatchObject([{ what: 'orphan', name: 'foreign-job' }]);
    expect(names((await collect({ orphans: true })).found)).toEqual(['foreign-job']);
    expect(scene.memory.calls).not.toContain('remove busy-job');
  });

  it('leaves Jobs of another installation alone, whatever it is told', async () => {
    const compute = await scene.ports.compute(PROFILE);
    const home = homeOf((await scene.ports.store(PROFILE)).root);
    await compute.create({ name: 'theirs', labels: { run: 'ended-1', home: homeOf('gs://theirs') } } as unknown as JobSpec);
    await compute.create({ name: 'ours', labels: { run: 'ended-1', home } } as unknown as JobSpec);
    const { found, kept } = await collect({ orphans: true });
    expect(names(found)).toEqual(['ours']);
    expect(kept).toMatchObject([{ name: 'theirs', reason: 'it belongs to another installation' }]);
  });

  it('does not end Jobs of a run that cannot be asked', async () => {
    const compute = await scene.ports.compute(PROFILE);
    await compute.create({ name: 'mute-job', labels: { run: 'mute' } } as unknown as JobSpec);
    scene.open.set('mute', new Error('no worker answers'));
    expect((await collect({ orphans: true })).found).toEqual([]);
  });
});

describe('pairs of checkpoints that were kept for audits', () => {
  const pairOf = async (trial: number, run: string, at = OLD): Promise<string> => {
    const output = uriOf(`out/trial-${trial}`);
    scene.ledger.trials.push({ pipeline: 'p', run, time: new Date(at).toISOString(), step: 'search', trial, output });
    for (const name of ['audits/3/pair.json', 'audits/3/checkpoints/x/a', 'checkpoints/LATEST']) {
      await scene.store.write(`${output}/${name}`, 'x');
      await utimes(fileURLToPath(`${output}/${name}`), at / 1000, at / 1000);
    }
    return `${output}/audits`;
  };
  const about = ({ found, kept }: GarbageResult): string[][] =>
    [...found, ...kept].filter(({ what }) => what === 'audit pair').map(({ name, reason }) => [name, reason]);

  it('go when nobody made the audit, and nothing beside them', async () => {
    const pair = await pairOf(0, 'ended-1');
    expect(about(await collect())).toEqual([[pair, expect.stringMatching(/^kept since \d{4}-\d\d-\d\d for an audit that nobody made$/)]]);
    expect(await scene.store.stat(`${pair}/3/pair.json`)).toBeNull();
    expect(await scene.store.stat(uriOf('out/trial-0/checkpoints/LATEST'))).not.toBeNull();
  });

  it('stay while the run or an audit of it goes on, and while they are young', async () => {
    scene.open.set('open-1', {});
    scene.audited.add('ended-2');
    const [open, audited, young] = [await pairOf(0, 'open-1'), await pairOf(1, 'ended-2'), await pairOf(2, 'ended-3', NOW)];
    expect(about(await collect())).toEqual([
      [open, 'run open-1 is open'],
      [audited, 'an audit of ended-2 goes on'],
    ]);
    for (const pair of [open, audited, young]) expect(await scene.store.stat(`${pair}/3/pair.json`)).not.toBeNull();
  });
});

it('takes the Jobs of an audit that goes on for what they are', async () => {
  const job = (run: string): Pick<JobSpec, 'name' | 'labels'> => ({ name: run, labels: { pipeline: 'p', run, step: 's' } });
  const jobs = ['ended-1.audit-0a1b2c3d', 'ended-2.audit-0a1b2c3d.origin'].map(job);
  const ports: Ports = {
    ...scene.ports,
    compute: async () =>
      Promise.resolve({
        list: async () => Promise.resolve(jobs.map((one) => ({ ...one, phase: 'running' as const }))),
        remove: async () => Promise.resolve(),
      } as unknown as Awaited<ReturnType<Ports['compute']>>),
  };
  scene.audited.add('ended-1');
  const { found } = await collectGarbage(runs(), ports, PROFILE, OPTIONS);
  expect(found.filter(({ what }) => what === 'orphan').map(({ name }) => name)).toEqual(['ended-2.audit-0a1b2c3d.origin']);
});

describe('scores that Jobs have written for an evaluation', () => {
  const DATA = 'gs://bucket/p/parts/test/k1';
  async function scores(name: string, { data = DATA, usedAt = OLD }: { data?: string | null; usedAt?: number } = {}): Promise<string> {
    const written = ['READY', 'part-00000.parquet', 'part-00001.parquet'].map((file) => `scores/${name}/${file}`);
    for (const path of written) await scene.store.write(uriOf(path), 'x');
    if (data !== null) written.push(`scores/${name}.json`);
    if (data !== null) await scene.store.write(uriOf(`scores/${name}.json`), JSON.stringify({ version: 1, model: 'gs://m', data }));
    for (const path of written) await utimes(fileURLToPath(uriOf(path)), usedAt / 1000, usedAt / 1000);
    return uriOf(`scores/${name}`);
  }

  it('removes those that an evaluation left which did not end', async () => {
    const name = await scores('a');
    scene.open.set('busy', { data: 'gs://bucket/p/parts/test/k10' });
    const { found, kept, failed } = await collect();
    expect(found).toEqual([{ what: 'scores', name, reason: `left by an evaluation that did not end, and no open run uses ${DATA}` }]);
    expect([kept, failed, await left('scores')]).toEqual([[], [], 0]);
  });

  it('keeps those of data that an open run names, and says so', async () => {
    const name = await scores('a');
    scene.open.set('busy', { steps: [{ spec: { data: `${DATA}/` } }] });
    const { found, kept } = await collect();
    expect(found).toEqual([]);
    expect(kept).toEqual([{ what: 'scores', name, reason: `run busy, which is open, uses ${DATA}` }]);
    expect(await left('scores')).toBe(4);
  });

  it.each([
    ['are newer', { usedAt: NOW }, null, 'some of it is newer'],
    ['somebody may use who cannot be asked', {}, new Error('away'), 'run busy, which is open, could not tell what it uses'],
    [
      'nothing is known of while any run is open',
      { data: null },
      {},
      'nothing says whose they are, and run busy, which is open, may wait for them',
    ],
  ])('keeps those that %s', async (_what, written, open, reason) => {
    const name = await scores('a', written);
    if (open !== null) scene.open.set('busy', open);
    const { found, kept } = await collect();
    expect([found, kept]).toEqual([[], [{ what: 'scores', name, reason }]]);
  });

  it('keeps those that are asked for again while they are decided about', async () => {
    const name = await scores('a');
    const remove = scene.store.remove.bind(scene.store);
    scene.store.remove = async (uri, options) => {
      // An evaluation begins: it writes its document first.
      if (uri.endsWith('a.json')) await scene.store.write(uri, JSON.stringify({ data: DATA }));
      return remove(uri, options);
    };
    const { found, kept } = await collect();
    expect([found, kept]).toEqual([[], [{ what: 'scores', name, reason: 'it was used or made anew a moment ago' }]]);
    expect(await left('scores')).toBe(4);
  });

  it('removes what nothing is known of where no run is open, and nothing in a dry run', async () => {
    await scores('a', { data: null });
    await scores('b');
    expect((await collect({ dryRun: true })).found).toHaveLength(2);
    expect(await left('scores')).toBe(7);
    expect((await collect()).found).toHaveLength(2);
    expect(await left('scores')).toBe(0);
  });
});

describe('checkpoints of ended searches', () => {
  const daysAgo = (days: number): number => NOW - days * DAY_MS;
  const trialOf = async (search: string, trial: number, run: string, endedDays: number, writtenDays = endedDays): Promise<void> => {
    const output = uriOf(`${search}/trial-${trial}`);
    const time = new Date(daysAgo(endedDays)).toISOString();
    scene.ledger.trials.push({ pipeline: 'p', run, time, step: 'search', trial, output });
    for (const name of ['checkpoints/000010-1-timer/state', 'checkpoints/LATEST', 'exports/000010/READY', 'progress/1.json'])
      await written(`${output}/${name}`, writtenDays);
  };
  const written = async (uri: string, days: number): Promise<void> => {
    await scene.store.write(uri, 'x');
    await utimes(fileURLToPath(uri), daysAgo(days) / 1000, daysAgo(days) / 1000);
  };
  const collectFor = (checkpoints: Profile['checkpoints']): Promise<GarbageResult> =>
    collectGarbage(runs(), scene.ports, (checkpoints === undefined ? {} : { checkpoints }) as Profile, OPTIONS);
  const reasons = (found: readonly { what: string; reason: string }[]): string[] =>
    found.filter(({ what }) => what === 'checkpoints').map(({ reason }) => reason);

  it.each([
    [undefined, 80, true],
    [undefined, 100, false],
    [{ keepDays: 120 }, 100, true],
    [{ keepDays: 7 }, 8, false],
  ])('with %o those of %i days ago stay: %s', async (checkpoints, days, stay) => {
    await trialOf('out', 0, 'ended-1', days);
    await trialOf('out', 1, 'ended-1', days);
    await written(uriOf('out/pins/trial-0-000010-1-timer/checkpoints/000010-1-timer/state'), days);
    const { found, kept, failed } = await collectFor(checkpoints);
    expect(failed).toEqual([]);
    const told =
      /^(extend and retry go on from them until \d{4}-\d\d-\d\d \(checkpoints.keepFor, \d+ days\)|kept for \d+ days \(checkpoints.keepFor\) since .*)$/;
    expect(reasons(stay ? kept : found)).toEqual([expect.stringMatching(told)]);
    expect(await left('out/trial-0/checkpoints')).toBe(stay ? 2 : 0);
    expect(await left('out/pins')).toBe(stay ? 1 : 0);
    // Models, and what is compared with, are no checkpoints.
    expect([await left('out/trial-0/exports'), await left('out/trial-1/progress')]).toEqual([1, 1]);
  });

  it('stay while an open run is to go on with them, directly or through a run that did before', async () => {
    await trialOf('first', 0, 'ended-1', 200);
    await trialOf('second', 1, 'ended-2', 150);
    // Of the first run, and held in the second one when that ended.
    scene.ledger.trials.push({ pipeline: 'p', run: 'ended-2', time: new Date(daysAgo(150)).toISOString(), step: 'search', trial: 0, output: uriOf('first/trial-0') }); // prettier-ignore
    scene.open.set('third', { steps: [{ spec: { takesOver: { run: 'ended-2', step: 'search', longer: false } } }] });
    expect(reasons((await collectFor(undefined)).kept)).toEqual(Array(2).fill('run third, which is open, goes on with trials of ended-2'));
    scene.open.clear();
    expect(reasons((await collectFor(undefined)).found)).toHaveLength(2);
  });

  it('stay where an attempt begins while they are decided about, or an open run names one of them', async () => {
    await trialOf('out', 0, 'ended-1', 200);
    scene.open.set('forked', { steps: [{ from: uriOf('out/trial-0/checkpoints/000010-1-timer') }] });
    expect(reasons((await collectFor(undefined)).kept)).toEqual([`run forked, which is open, names something below ${uriOf('out')}`]);
    scene.open.clear();
    const remove = scene.store.remove.bind(scene.store);
    scene.store.remove = async (uri, options) => {
      if (uri.endsWith('/LATEST')) await scene.store.write(uri, 'an attempt claims the trial');
      return remove(uri, options);
    };
    expect(reasons((await collectFor(undefined)).kept)).toEqual(['it was used or made anew a moment ago']);
    expect(await left('out/trial-0/checkpoints')).toBe(2);
  });

  it('stay while their run is open or audited, something is newer, or nobody can tell', async () => {
    scene.open.set('open-1', {});
    scene.audited.add('ended-2');
    await trialOf('a', 0, 'open-1', 200);
    await trialOf('b', 0, 'ended-2', 200);
    await trialOf('c', 0, 'ended-3', 200, 1);
    const { found, kept } = await collectFor(undefined);
    expect([reasons(found), reasons(kept)]).toEqual([[], ['run open-1 is open', 'an audit of ended-2 goes on', 'some of it is newer']]);
    scene.open.set('mute', new Error('no worker answers'));
    expect(reasons((await collectFor(undefined)).kept)).toEqual(Array(3).fill('run mute, which is open, could not tell what it uses'));
  });
});

describe('code that was shipped', () => {
  const daysAgo = (days: number): number => NOW - days * DAY_MS;
  const digestOf = (letter: string): string => letter.repeat(64);
  const written = async (path: string, text: string, days: number): Promise<string> => {
    const uri = uriOf(path);
    await scene.store.write(uri, text);
    await utimes(fileURLToPath(uri), daysAgo(days) / 1000, daysAgo(days) / 1000);
    return uri;
  };
  const shipped = (letter: string, days = 200): Promise<string> => written(`code/${digestOf(letter)}`, letter, days);
  /** A run as its document and the ledger keep it. `endedDays` null: no end is known. */
  async function runOf(run: string, letter: string, endedDays: number | null): Promise<void> {
    const spec = { kind: 'search', code: { sha256: digestOf(letter), from: 'trainer' } };
    await written(`runs/${run}/run.json`, JSON.stringify({ steps: [{ id: 's', spec }] }), endedDays ?? 300);
    const ended_at = endedDays === null ? null : new Date(daysAgo(endedDays)).toISOString();
    scene.ledger.runs.push({ pipeline: 'p', run, time: new Date(OLD).toISOString(), ended_at });
  }
  const about = ({ found, kept }: GarbageResult): [string, string][] =>
    [...found.map((one) => ['removed', one] as const), ...kept.map((one) => ['kept', one] as const)]
      .filter(([, { what }]) => what === 'code')
      .map(([became, { reason }]) => [became, reason]);

  it('goes when the only run that names it cannot go on any more, or nobody names it', async () => {
    await runOf('ended-1', 'a', 200);
    const uris = [await shipped('a'), await shipped('b')];
    const result = await collect();
    expect(result.found.map(({ name }) => name)).toEqual(uris);
    expect(about(result)).toEqual([
      ['removed', 'of run ended-1, which cannot go on any more'],
      ['removed', expect.stringMatching(/^shipped on 20.*, and no run or schedule names it$/)],
    ]);
    expect(await left('code')).toBe(0);
  });

  const trialOfEnded = (): void => {
    const time = new Date(daysAgo(200)).toISOString();
    scene.ledger.trials.push({ pipeline: 'p', run: 'ended-1', time, step: 's', trial: 0, output: uriOf('out/trial-0') });
  };
  const NEEDED: [string, RegExp, () => Promise<void> | void][] = [
    ['was put there a minute ago', /^shipped or used on/, async () => void (await shipped('a', 0.01))],
    [
      'an open run names in its document',
      /^run busy, which is open,: it may start it/,
      () => void scene.open.set('busy', { code: { sha256: digestOf('a') } }),
    ],
    ['an open run may name that nobody can ask', /could not tell what it uses$/, () => void scene.open.set('mute', new Error('away'))],
    ['a schedule runs', /^schedule nightly: it runs it$/, () => void scene.schedules.set('nightly', { steps: [digestOf('a')] })],
    ['a schedule may run that cannot be read', /^schedule nightly: it could not tell/, () => void scene.schedules.set('nightly', null)],
    ['a run of late had, which may be retried', /^run ended-2: it ended on .*retry/, () => runOf('ended-2', 'a', 60)],
    [
      'a run has that is audited',
      /^run ended-2: an audit of ended-2 goes on$/,
      async () => (await runOf('ended-2', 'a', 200), void scene.audited.add('ended-2')),
    ],
    ['a run has that another server may run', /another server may run it$/, () => runOf('foreign', 'a', null)],
    [
      'a run may name whose document cannot be read',
      /its document cannot be read: .*run\.json$/,
      async () => void (await written('runs/ended-2/run.json', '{"cut', 200)),
    ],
    [
      'made a model with a stage',
      /^run ended-1: it made the model m \(champion\)$/,
      () => void scene.ledger.models.push({ run: 'ended-1', model: 'm', stage: 'champion' } as unknown as LedgerRow<'models'>),
    ],
    [
      'made what a record of the cache names that is used',
      /^run ended-1: what it made is reused: .*cache\/k1\.json$/,
      async () => {
        table('d.t');
        const uri = await record('k1', [{ type: 'table', value: 'd.t' }], NOW);
        const object = await scene.store.read(uri);
        await scene.store.write(uri, new TextDecoder().decode(object?.data).replace('"run":"r"', '"run":"ended-1"'));
      },
    ],
    [
      'is of a run whose checkpoints are there',
      /^run ended-1: it can go on from what is kept: .*out \(checkpoints of 1 trials\)$/,
      async () => {
        trialOfEnded();
        await written('out/trial-0/checkpoints/LATEST', 'x', 1);
      },
    ],
    [
      'is of a run of which a pair for an audit is there, though it goes with this gc',
      /^run ended-1: it can go on from what is kept: .*out\/trial-0\/audits$/,
      async () => {
        trialOfEnded();
        await written('out/trial-0/audits/3/pair.json', 'x', 200);
      },
    ],
  ];
  it.each(NEEDED)('stays when it %s', async (_what, reason, make) => {
    await runOf('ended-1', 'a', 200);
    await shipped('a');
    await make();
    const result = await collect();
    expect(about(result)).toEqual([['kept', expect.stringMatching(reason)]]);
    expect(result.failed).toEqual([]);
    expect(await left('code')).toBe(1);
  });

  it('is not even asked about while all of it is young', async () => {
    await shipped('a', 0.5);
    scene.schedules.set('nightly', null);
    expect(about(await collect({ before: NOW }))).toEqual([['kept', expect.stringMatching(/^shipped or used on/)]]);
  });

  it('stays when a run begins with it between the decision and the removal', async () => {
    await shipped('a');
    const remove = scene.store.remove.bind(scene.store);
    scene.store.remove = async (uri, options) => {
      const step = { id: 's', spec: { kind: 'container', code: { sha256: digestOf('a'), bytes: 1, files: 1, from: 'job' } } };
      if (uri.includes('/code/')) await checkShipped(scene.store, [step as unknown as Step]);
      return remove(uri, options);
    };
    expect(about(await collect())).toEqual([['kept', 'it was used or made anew a moment ago']]);
    expect(await left('code')).toBe(1);
  });

  it('lets what else lies beside it be', async () => {
    await written('code/README', 'ours', 300);
    expect(about(await collect())).toEqual([]);
    expect(await left('code')).toBe(1);
  });
});

describe('scripts of steps', () => {
  const daysAgo = (days: number): number => NOW - days * DAY_MS;
  const specOf = (source: string, more: object = {}): ScriptSpec =>
    ScriptSpec.parse({
      kind: 'script',
      language: 'python',
      file: 'count.py',
      source,
      output: uriOf('out/{key}'),
      outputs: { rows: 'int' },
      ...more,
    });
  const keep = (spec: ScriptSpec): Promise<string> => keepScript(scene.store, spec);
  const age = async (uri: string, days: number): Promise<void> => {
    await utimes(fileURLToPath(uri), daysAgo(days) / 1000, daysAgo(days) / 1000);
  };
  const old = async (spec: ScriptSpec): Promise<string> => {
    const uri = await keep(spec);
    await age(uri, 200);
    return uri;
  };
  async function runOf(run: string, spec: object, ended: boolean, list: 'steps' | 'onExit' = 'steps'): Promise<void> {
    await scene.store.write(uriOf(`runs/${run}/run.json`), JSON.stringify({ [list]: [{ id: 's', spec }] }));
    scene.ledger.runs.push({ pipeline: 'p', run, time: new Date(OLD).toISOString(), ended_at: ended ? new Date(OLD).toISOString() : null });
  }
  const about = ({ found, kept }: GarbageResult): [string, string][] =>
    [...found.map((one) => ['removed', one] as const), ...kept.map((one) => ['kept', one] as const)]
      .filter(([, { what }]) => what === 'script')
      .map(([became, { reason }]) => [became, reason]);

  it('go when the runs that have them have ended, or no run has', async () => {
    const spec = specOf('print(1)');
    await runOf('ended-1', spec, true);
    const uris = [await old(spec), await old(specOf('print(2)'))];
    const result = await collect();
    expect(result.found.map(({ name }) => name).sort()).toEqual(uris.sort());
    expect(
      about(result)
        .map(([, reason]) => reason)
        .sort(),
    ).toEqual([expect.stringMatching(/^kept on 20.*, and no run names it$/), 'of run ended-1, which has ended']);
    expect(await left('scripts')).toBe(0);
  });

  it.each<[string, RegExp, () => Promise<void> | void]>([
    ['an open run has it', /^run busy: it may start it at any time$/, () => runOf('busy', specOf('print(1)'), false)],
    ['an open run has it for its end', /^run busy: it may start it/, () => runOf('busy', specOf('print(1)'), false, 'onExit')],
    [
      'an open run may have it whose requirements are known later',
      /^run busy: it may start it at any time, and not told which: .*run\.json$/,
      () => runOf('busy', specOf('print(2)', { requirements: ['pandas=={steps.v.outputs.pandas}'] }), false),
    ],
    ['an open run may have it that nobody can ask', /could not tell what it uses$/, () => void scene.open.set('mute', new Error('away'))],
    ['a run of another server has it', /another server may run it$/, () => runOf('foreign', specOf('print(1)'), false)],
  ])('stay when %s', async (_what, reason, make) => {
    await old(specOf('print(1)'));
    await make();
    if (reason.source.includes('busy')) scene.open.set('busy', {});
    const result = await collect();
    expect(about(result)).toEqual([['kept', expect.stringMatching(reason)]]);
    expect(await left('scripts')).toBe(1);
  });

  it('stay where a step begins with one between the decision and the removal, and are written once for many', async () => {
    const uri = await old(specOf('print(1)'));
    const remove = scene.store.remove.bind(scene.store);
    scene.store.remove = async (of, options) => {
      if (of === uri) await keep(specOf('print(1)'));
      return remove(of, options);
    };
    expect(about(await collect())).toEqual([['kept', 'it was used or made anew a moment ago']]);
    const { generation } = (await scene.store.stat(uri)) ?? {};
    expect(await keep(specOf('print(1)'))).toBe(uri);
    expect((await scene.store.stat(uri))?.generation).toBe(generation);
    expect(about(await collect({ before: NOW }))).toEqual([['kept', expect.stringMatching(/^kept or used on/)]]);
  });

  it('let what else lies beside them be', async () => {
    await scene.store.write(uriOf('scripts/README'), 'ours');
    await age(uriOf('scripts/README'), 300);
    expect(about(await collect())).toEqual([]);
    expect(await left('scripts')).toBe(1);
  });
});

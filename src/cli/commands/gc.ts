import type { Command } from 'commander';
import type { Longhaul } from '../../client/index.ts';
import { UnknownRunError } from '../../client/errors.ts';
import type { Compute, ObjectStore } from '../../ports/index.ts';
import { cliOf, decimal, examples, runOf } from '../context.ts';
import { openPorts } from '../../adapters/open.ts';

interface Options {
  readonly olderThan: number;
  readonly dryRun?: boolean;
}

interface Found {
  /** An orphan is a Job that still runs, or would, without a run. */
  readonly what: 'orphan' | 'job' | 'cache record' | 'table' | 'objects';
  readonly name: string;
  readonly remove: () => Promise<void>;
}

const DAY_MS = 86_400_000;

export function registerGc(program: Command): void {
  program
    .command('gc')
    .description('remove what ended runs left: orphans (Jobs without a run), records of Jobs that ended, and cached outputs that are old')
    .argument('[run]', 'a run whose profile says where to look; the newest one when left out')
    .option('--older-than <days>', 'cached outputs made before that', decimal, 30)
    .option('--dry-run', 'only say what would go')
    .addHelpText('after', examples('longhaul gc --dry-run', 'longhaul gc --older-than 7'))
    .action(async (id: string | undefined, { olderThan, dryRun }: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      await using ports = openPorts();
      const { profile } = await (await runOf(longhaul, cli, id)).document();
      const [compute, store, warehouse] = await Promise.all([ports.compute(profile), ports.store(profile), ports.warehouse(profile)]);
      const before = Date.now() - olderThan * DAY_MS;
      const found = [...(await endedJobs(longhaul, compute)), ...(await oldOutputs(store, before, (table) => warehouse.drop(table)))];
      if (!dryRun) for (const one of found) await one.remove();
      cli.print(
        { removed: !dryRun, found: found.map(({ what, name }) => ({ what, name })) },
        () =>
          `${found.map(({ what, name }) => `${what} ${name}`).join('\n')}${found.length > 0 ? '\n' : ''}${found.length} ${dryRun ? 'to remove' : 'removed'}`,
      );
    });
}

/** Jobs of runs that have ended, or that nobody knows any more. */
async function endedJobs(longhaul: Longhaul, compute: Compute): Promise<Found[]> {
  const jobs = await compute.list();
  const runs = [...new Set(jobs.map((job) => job.labels.run ?? ''))];
  const open = new Set<string>();
  for (const run of runs) if (await isOpen(longhaul, run)) open.add(run);
  return jobs
    .filter((job) => !open.has(job.labels.run ?? ''))
    .map((job) => ({ what: job.phase === 'ended' ? 'job' : 'orphan', name: job.name, remove: () => compute.remove(job.name) }));
}

async function isOpen(longhaul: Longhaul, run: string): Promise<boolean> {
  try {
    return (await longhaul.run(run).state()).endedAt === null;
  } catch (error) {
    if (error instanceof UnknownRunError) return false;
    throw error;
  }
}

/** A record goes first, so that no run can hit it while what it names is being removed. */
async function oldOutputs(store: ObjectStore, before: number, drop: (table: string) => Promise<void>): Promise<Found[]> {
  const found: Found[] = [];
  for await (const info of store.list(`${store.root}/cache/`)) {
    if (!info.uri.endsWith('.json') || info.updatedAt >= before) continue;
    const object = await store.read(info.uri);
    const record = object && (JSON.parse(new TextDecoder().decode(object.data)) as { made?: readonly { type: string; value: string }[] });
    found.push({
      what: 'cache record',
      name: info.uri,
      remove: async () => {
        await store.remove(info.uri, { ifGeneration: info.generation });
      },
    });
    for (const made of record?.made ?? []) {
      if (made.type === 'table') found.push({ what: 'table', name: made.value, remove: () => drop(made.value) });
      else if (made.type === 'uri' && made.value.startsWith(`${store.root}/`))
        found.push({ what: 'objects', name: made.value, remove: () => removeAll(store, made.value) });
    }
  }
  return found;
}

/** An object, or all under a prefix. */
async function removeAll(store: ObjectStore, uri: string): Promise<void> {
  if (await store.remove(uri)) return;
  const names: string[] = [];
  for await (const info of store.list(`${uri.replace(/\/+$/, '')}/`)) names.push(info.uri);
  for (const name of names) await store.remove(name);
}

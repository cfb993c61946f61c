/**
 * Runs of a project whose servers have stopped: nothing changes about them any more, so what was noted when the servers stopped is the
 * truth, and reading it takes no server.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDocument } from '../contract/run-document.ts';
import { archiveUri, documentUri, type RunArchive } from '../contract/state.ts';
import type { Longhaul, ListOptions, RunSummary } from '../client/index.ts';
import type { Profile } from '../contract/profile.ts';
import { projectWithRuns } from '../stack/project.ts';
import { UsageError } from './exit.ts';
import type { ReadableRun } from './run-data.ts';
import { isServerNamed } from './server-named.ts';

const MAX_RUNS = 10_000;

export interface RunIndex {
  readonly version: 1;
  /** Newest first. `profile` of those that have ended. */
  readonly runs: readonly (RunSummary & { readonly profile: Profile | null })[];
}

/** What the server's database looked like then. A server that wrote since, and was killed, makes the note worthless. */
interface NotedIndex extends RunIndex {
  readonly database: string;
}

const fileOf = (project: string): string => join(project, '.longhaul', 'runs.json');

/** Asked of the server alone: its workers may have stopped. */
export async function indexOf(longhaul: Longhaul, project: string): Promise<RunIndex> {
  const before = new Map(read(project)?.runs.map((run) => [run.run, run.profile]));
  const runs: RunIndex['runs'][number][] = [];
  for (const summary of await longhaul.list({ limit: MAX_RUNS })) {
    const known = before.get(summary.run) ?? null;
    const profile = summary.endedAt === null ? null : (known ?? (await profileOf(longhaul, summary.run)));
    runs.push({ ...summary, profile });
  }
  return { version: 1, runs };
}

async function profileOf(longhaul: Longhaul, run: string): Promise<Profile | null> {
  return await longhaul
    .run(run)
    .document()
    .then(
      ({ profile }) => profile,
      () => null,
    );
}

/** Call it when the server has stopped. */
export async function saveRunIndex(project: string, index: RunIndex): Promise<void> {
  const noted: NotedIndex = { ...index, database: databaseOf(project) };
  await writeFile(fileOf(project), JSON.stringify(noted));
}

/** The noted runs of the project around the working directory; null where a server is to be asked, or nothing trustworthy was noted. */
export function endedRuns(temporalProfile: string | undefined): EndedRuns | null {
  if (isServerNamed(temporalProfile)) return null;
  const project = projectWithRuns(process.cwd());
  const noted = project === null ? null : read(project);
  return project === null || noted === null || noted.database !== databaseOf(project) ? null : new EndedRuns(noted);
}

class EndedRuns {
  readonly #index: RunIndex;

  constructor(index: RunIndex) {
    this.#index = index;
  }

  list({ pipeline, status, limit = 50 }: ListOptions = {}): RunSummary[] {
    return this.#index.runs
      .filter((run) => (pipeline === undefined || run.pipeline === pipeline) && (status === undefined || run.status === status))
      .slice(0, limit)
      .map(({ profile: _profile, ...summary }) => summary);
  }

  /** The name of the newest run, whatever became of it. */
  newest(): string | undefined {
    return this.#index.runs[0]?.run;
  }

  hasOpen(): boolean {
    return this.#index.runs.some(({ endedAt }) => endedAt === null);
  }

  /** null: it has not ended, or an older version ran it. */
  async archive(id: string): Promise<(RunArchive & { readonly profile: Profile }) | null> {
    const profile = this.#index.runs.find(({ run }) => run === id)?.profile;
    if (!profile) return null;
    const { openPorts } = await import('../adapters/open.ts');
    await using ports = openPorts();
    const store = await ports.store(profile);
    const object = await store.read(archiveUri(store.root, id));
    return object === null ? null : { ...(JSON.parse(new TextDecoder().decode(object.data)) as RunArchive), profile };
  }

  /** For reports; null as above. */
  async readable(id: string): Promise<ReadableRun | null> {
    const archive = await this.archive(id);
    if (archive === null) return null;
    const { run, searches, graph, profile } = archive;
    return {
      id,
      snapshot: async () => ({ run, searches }),
      graph: async () => graph,
      document: async () => await readDocument(id, profile),
      isOver: async () => true,
      importance: async () => null,
    };
  }
}

function read(project: string): NotedIndex | null {
  if (!existsSync(fileOf(project))) return null;
  try {
    const noted = JSON.parse(readFileSync(fileOf(project), 'utf8')) as NotedIndex;
    return (noted.version as number) === 1 ? noted : null;
  } catch {
    // Cut by a full disk: the server is asked.
    return null;
  }
}

function databaseOf(project: string): string {
  return ['temporal.db', 'temporal.db-wal']
    .map((name) => {
      const found = statSync(join(project, '.longhaul', name), { throwIfNoEntry: false });
      return found === undefined ? 'none' : `${found.size} ${found.mtimeMs}`;
    })
    .join(', ');
}

async function readDocument(id: string, profile: Profile): Promise<RunDocument> {
  const [{ openPorts }, { RunDocument: schema }] = await Promise.all([
    import('../adapters/open.ts'),
    import('../contract/run-document.ts'),
  ]);
  await using ports = openPorts();
  const store = await ports.store(profile);
  const uri = documentUri(store.root, id);
  const object = await store.read(uri);
  if (object === null) throw new UsageError(`the document of ${id} is gone: ${uri}`);
  return schema.parse(JSON.parse(new TextDecoder().decode(object.data)));
}

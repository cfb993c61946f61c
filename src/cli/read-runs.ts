/** Runs that a command only reads: where the servers of this project have stopped, what was kept of them is enough, and no server starts. */
import type { OpenPorts } from '../adapters/open.ts';
import type { Longhaul } from '../client/index.ts';
import type { KeptPlaces } from '../client/kept-runs.ts';
import { runOf, printNewest, type Cli } from './context.ts';
import { endedRuns } from './ended-runs.ts';
import { keptRunProfile } from './kept-run-profile.ts';
import { openRunPorts } from './own-places.ts';
import { askedRun, type ReadableRun } from './run-data.ts';

interface ReadRuns extends AsyncDisposable {
  /** As they were named, or the newest one. */
  readonly runs: readonly [ReadableRun, ...ReadableRun[]];
  readonly ports: OpenPorts;
  /** null: none is needed. With `withOpenRuns`: no run of the project is open. */
  readonly longhaul: Longhaul | null;
}

interface Choice {
  /** The newest one when none is named. */
  readonly ids: readonly string[];
  /** Name of a profile whose store has runs that Temporal has forgotten. */
  readonly profile?: string | undefined;
  /** Why the newest one is taken: what is said of it. */
  readonly newest?: string;
  /** Also the open runs of the project are to be asked. */
  readonly withOpenRuns?: boolean;
}

export const readRun = (cli: Cli, id: string | undefined, more: Omit<Choice, 'ids'> = {}): Promise<ReadRuns> =>
  readRuns(cli, { ids: id === undefined ? [] : [id], ...more });

/** Of the ledger, which holds all runs: one of them says where it is. */
export const readLedger = (cli: Cli, id: string | undefined, more: Pick<Choice, 'withOpenRuns'> = {}): Promise<ReadRuns> =>
  readRun(cli, id, { newest: 'by the profile of the newest run', ...more });

/** @throws UsageError no run was ever made here */
export async function readRuns(cli: Cli, choice: Choice): Promise<ReadRuns> {
  await using opened = new AsyncDisposableStack();
  const kept = await keptOnes(cli, choice);
  const profile = await keptRunProfile(cli, choice.profile);
  const ports = opened.use(openRunPorts(cli, profile));
  const longhaul = kept === null ? opened.use(await cli.connectOrStart()) : null;
  const runs = kept ?? (longhaul === null ? [] : await askedOnes(cli, choice, longhaul, { ports, profile }));
  const [first, ...others] = runs;
  if (first === undefined) throw new Error('no run was chosen');
  const dispose = opened.move();
  return { runs: [first, ...others], ports, longhaul, [Symbol.asyncDispose]: () => dispose.disposeAsync() };
}

/** null: a server has to be asked for at least one of them. */
async function keptOnes(cli: Cli, { ids, newest: said, withOpenRuns }: Choice): Promise<ReadableRun[] | null> {
  const ended = endedRuns(cli.temporalProfile);
  if (ended === null || (withOpenRuns && ended.hasOpen())) return null;
  const newest = ended.newest();
  const names = ids.length > 0 ? ids : newest === undefined ? [] : [newest];
  const found = await Promise.all(names.map((id) => ended.readable(id)));
  if (found.length === 0 || !found.every((run) => run !== null)) return null;
  if (ids.length === 0) for (const { id } of found) printNewest(cli, id, said);
  return found;
}

async function askedOnes(
  cli: Cli,
  { ids, newest }: Choice,
  longhaul: Longhaul,
  from: Omit<KeptPlaces, 'longhaul'>,
): Promise<ReadableRun[]> {
  const places = { longhaul, ...from };
  const runs = ids.length === 0 ? [await runOf(longhaul, cli, undefined, newest)] : ids.map((id) => longhaul.run(id));
  return runs.map((run) => askedRun(run, places));
}

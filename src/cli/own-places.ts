/**
 * Places that the caller's own profiles name. Whoever may start a run wrote its profile: a command that followed any of them would take the caller's
 * account to a store, a warehouse or a kubeconfig of a stranger's choosing.
 */
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openPorts, type OpenPorts } from '../adapters/open.ts';
import { findTarget } from '../client/address.ts';
import { isOwnFolder, ownText } from '../client/own-file.ts';
import type { Profile } from '../contract/profile.ts';
import { isOwnPlace, placesOf, placeText, type Place, type Places } from '../rules/own-places.ts';
import type { Cli } from './context.ts';
import { UsageError } from './exit.ts';
import { isServerNamed } from './server-named.ts';

type Caller = Pick<Cli, 'temporalProfile' | 'trustsProfiles'>;

/** Of the profiles that runs were started with here, the newest first. */
const NOTE = join('.longhaul', 'own-profiles.json');
const MAX_NOTED = 100;
/** One in TypeScript would be run by being read. */
const IS_PROFILE = /\.(?:yaml|yml|json)$/;

/**
 * For commands that follow the profile of a run. On a project's own server all runs are the owner's; where LONGHAUL_POLICY is set, it decides instead of
 * the caller's profiles.
 *
 * @param named the profile that the command was given, if any
 */
export function openRunPorts(cli: Caller, named?: Profile): OpenPorts {
  if (cli.trustsProfiles || !isOthersServer(cli)) return openPorts();
  const known = [...(named === undefined ? [] : [placesOf(named)]), ...foldersUp(process.cwd()).flatMap(noted)];
  let written: Promise<readonly Places[]> | null = null;
  return openPorts(async (profile, part) => {
    if (isOwnPlace(known, profile, part)) return;
    const all = [...known, ...(await (written ??= writtenHere(process.cwd())))];
    if (isOwnPlace(all, profile, part)) return;
    const foreign: Place = part === 'warehouse' && !isOwnPlace(all, profile, 'storage') ? 'storage' : part;
    throw new UsageError(
      `the run's ${placeText(profile, foreign)} is in no profile of this folder, and is not opened with your account: ` +
        'run the command where its profile is, or say --trust-profile if you know whose run it is',
    );
  });
}

/** Whoever starts a run with a profile names its places, wherever the profile lies. */
export async function noteOwnPlaces(cli: Caller, profile: Profile): Promise<void> {
  if (!isOthersServer(cli)) return;
  const file = join(process.cwd(), NOTE);
  const places = placesOf(profile);
  const before = noted(process.cwd());
  const others = before.filter((one) => JSON.stringify(one) !== JSON.stringify(places));
  if (others.length < before.length && JSON.stringify(before[0]) === JSON.stringify(places)) return;
  const text = JSON.stringify({ version: 1, profiles: [places, ...others].slice(0, MAX_NOTED) });
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.${process.pid}`, text, { mode: 0o600 });
    await rename(`${file}.${process.pid}`, file);
  } catch {
    // A folder that cannot be written: the profile itself, or the option, says the same.
  }
}

function isOthersServer({ temporalProfile }: Caller): boolean {
  return isServerNamed(temporalProfile) && findTarget({ profile: temporalProfile }).source === 'environment';
}

function noted(folder: string): readonly Places[] {
  try {
    const { profiles } = JSON.parse(ownText(join(folder, NOTE)) ?? '{}') as { readonly profiles?: readonly Places[] };
    return profiles ?? [];
  } catch {
    // Cut by a full disk.
    return [];
  }
}

/** What is not valid here, as for want of a variable of the environment, names no place. */
async function writtenHere(cwd: string): Promise<readonly Places[]> {
  // Loaded here: the schemas are most of what a command would have to read before it answers.
  const { readProfile } = await import('../compile/read-profile.ts');
  const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
  const files = await Promise.all(
    foldersUp(cwd).map(async (folder) => [
      ...(await list(join(folder, 'profiles'))).map((file) => join(folder, 'profiles', file)),
      ...(await list(folder)).filter((file) => /\.profile\.[a-z]+$/.test(file)).map((file) => join(folder, file)),
    ]),
  );
  const wanted = ['local', ...files.flat().filter((file) => IS_PROFILE.test(file))];
  const read = await Promise.allSettled(wanted.map(async (each) => placesOf((await readProfile(each, cwd, cwd)).profile)));
  return read.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

/** The working directory and those above it that are the user's own. */
function foldersUp(from: string): readonly string[] {
  const above = dirname(from);
  return isOwnFolder(from) ? [from, ...(above === from ? [] : foldersUp(above))] : [];
}

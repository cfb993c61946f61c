/** `--profile` of commands that read a run: where one is looked for that Temporal has forgotten, also where it lists no run whose profile says so. */
import { Option } from 'commander';
import type { Profile } from '../contract/profile.ts';
import type { Cli } from './context.ts';

export const keptRunProfileOption = (): Option =>
  new Option('--profile <name>', 'where a run is read from that Temporal has forgotten: a profile in this folder, or a path');

/** undefined: none is named. @throws InvalidInputError it is not there, or wrong */
export async function keptRunProfile(cli: Cli, wanted: string | undefined): Promise<Profile | undefined> {
  if (wanted === undefined) return undefined;
  // Loaded here: the schemas are most of what a command would have to read before it answers.
  const { readProfile } = await import('../compile/read-profile.ts');
  return (await readProfile(wanted, '.', process.cwd(), cli.warn)).profile;
}

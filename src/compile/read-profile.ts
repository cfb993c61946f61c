/** A profile by itself, for commands that have no pipeline. */
import { realpath } from 'node:fs/promises';
import { Problems } from './problems.ts';
import { findProfile } from './profile.ts';
import type { FoundProfile } from './profile.ts';

/**
 * @param wanted a name, looked for in `folder`, or a path relative to `cwd`
 * @throws InvalidInputError with every mistake that was found
 */
export async function readProfile(wanted: string, folder: string, cwd: string, warn?: (line: string) => void): Promise<FoundProfile> {
  const problems = new Problems();
  const found = await findProfile(wanted, folder, await realpath(cwd), problems);
  const earlier = problems.earlierNames;
  if (earlier !== null) warn?.(earlier);
  problems.throwIfAny();
  if (found === null) throw new Error(`profile ${wanted} could not be read, and nobody said why`);
  return found;
}

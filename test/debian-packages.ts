/** Programs of Debian that tests start: a browser, a Prometheus. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @param packages the program that shows that a package is there → the package
 * @param instead a program that somebody named; it is taken as it is
 * @returns null, or why they cannot be had
 */
export async function installDebianPackages(packages: Readonly<Record<string, string>>, instead?: string): Promise<string | null> {
  if (instead !== undefined) return existsSync(instead) ? null : `${instead} does not exist`;
  const missing = (): string[] => Object.entries(packages).flatMap(([program, name]) => (existsSync(program) ? [] : [name]));
  if (missing().length === 0) return null;
  const wanted = missing().join(' ');
  if (!existsSync('/usr/bin/apt-get')) return `${wanted} is missing, and this is not a Debian`;
  if (process.getuid?.() !== 0) return `missing; as root: apt-get install ${wanted}`;
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-qq'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', [...options, 'update'], { env });
    await run('apt-get', [...options, 'install', '-y', '--no-install-recommends', ...missing()], { env, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    return `apt-get cannot install ${wanted}: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`;
  }
  return missing().length === 0 ? null : `apt-get installed ${wanted}, but its programs are not where they are on Debian`;
}

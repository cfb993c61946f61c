/** How a Job of shipped code begins: `python/longhaul/launch`, which fetches and verifies the code and starts the command in it. Pure. */
import type { JobSpec } from '../contract/jobs.ts';

const LAUNCHER = ['-m', 'longhaul.launch'];
const DEFAULT_PYTHON = 'python3';

/**
 * The command of a Job; its own where no code was shipped.
 * @param home a folder that `prepareCommand` has filled
 */
export function launchCommand({ code, command }: Pick<JobSpec, 'code' | 'command'>, home?: string): readonly string[] {
  if (!code) return command;
  const launcher = home === undefined ? LAUNCHER : [`${home}/launch.py`, '--home', home];
  return [code.python ?? DEFAULT_PYTHON, ...launcher, ...sources(code), '--', ...command];
}

/** Leaves launcher, SDK and what they fetched in `home`. */
export function prepareCommand(code: NonNullable<JobSpec['code']>, home: string): readonly string[] {
  return [DEFAULT_PYTHON, ...LAUNCHER, '--prepare', home, ...sources(code)];
}

const sources = ({ archive, requirements }: NonNullable<JobSpec['code']>): string[] => [
  '--code',
  archive,
  ...(requirements === undefined ? [] : ['--requirements', requirements]),
];

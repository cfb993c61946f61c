/** How a Job of shipped code, or with secrets, begins: `python/longhaul/launch` fetches and verifies the code, starts the command, hides secrets. Pure. */
import type { JobSpec } from '../contract/jobs.ts';

const LAUNCHER = ['-m', 'longhaul.launch'];
const DEFAULT_PYTHON = 'python3';

/** Whether the launcher starts its command. */
export const isLaunched = ({ code, secrets = [] }: Pick<JobSpec, 'code' | 'secrets'>): boolean => code !== undefined || secrets.length > 0;

/**
 * The command of a Job; its own where there is nothing for the launcher to do.
 * @param home a folder that `prepareCommand` has filled
 */
export function launchCommand(job: Pick<JobSpec, 'code' | 'command' | 'secrets'>, home?: string): readonly string[] {
  const { code, command, secrets = [] } = job;
  if (!isLaunched(job)) return command;
  const launcher = home === undefined ? LAUNCHER : [`${home}/launch.py`, '--home', home];
  const hidden = secrets.flatMap(({ name }) => ['--secret', name]);
  return [code?.python ?? DEFAULT_PYTHON, ...launcher, ...sources(code), ...hidden, '--', ...command];
}

/** Leaves launcher, SDK and what they fetched in `home`. */
export function prepareCommand(code: JobSpec['code'], home: string): readonly string[] {
  return [DEFAULT_PYTHON, ...LAUNCHER, '--prepare', home, ...sources(code)];
}

function sources(code: JobSpec['code']): string[] {
  if (code === undefined) return [];
  const { archive, requirements } = code;
  return ['--code', archive, ...(requirements === undefined ? [] : ['--requirements', requirements])];
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AdapterError } from '../../contract/errors.ts';
import type { JobSpec } from '../../contract/jobs.ts';
import { gangEnvironment, severalNodes } from '../../rules/gang.ts';
import { sourceOf } from '../../contract/secrets.ts';
import { redactor } from '../../rules/secrets.ts';
import { launchCommand } from '../../rules/launch.ts';
import { pythonExecutable, pythonPath, sourceFile } from '../python.ts';
import type { JobDirectory, Launch } from './job-directory.ts';
import { GRACES } from '../../rules/durations.ts';

/** Of the worker's own environment a Job sees only what describes the machine, as in a container. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'USER', 'LOGNAME', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
/** Where parts of data sets are kept for second epochs, and how much of them. */
const CACHES = ['LONGHAUL_DATA_CACHE', 'LONGHAUL_DATA_CACHE_MB'];
/** For requirements: where this machine's package indexes and caches are. */
const INSTALLING = [
  'LONGHAUL_CACHE',
  'XDG_CACHE_HOME',
  'LONGHAUL_UV',
  'UV_CACHE_DIR',
  'UV_DEFAULT_INDEX',
  'UV_INDEX',
  'UV_FIND_LINKS',
  'PIP_INDEX_URL',
  'PIP_EXTRA_INDEX_URL',
  'PIP_FIND_LINKS',
  'PIP_NO_INDEX',
  'PIP_CERT',
];

/** The spec on this machine: `python` is the interpreter with the trainer's requirements, which finds Longhaul's packages. */
export function launchOf(job: JobSpec, gate: string, workDirectory: string): Launch {
  const python = pythonExecutable();
  const [program, ...rest] = launchCommand(job);
  const env: Record<string, string> = {};
  for (const name of [...INHERITED, ...CACHES, ...INSTALLING]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  if (isAbsolute(python)) env['PATH'] = [dirname(python), env['PATH']].filter(Boolean).join(delimiter);
  Object.assign(env, {
    PYTHONUNBUFFERED: '1',
    LONGHAUL_PYTHON: python,
    ...job.env,
    ...gangEnvironment(job),
    PYTHONPATH: pythonPath(job.env['PYTHONPATH']),
  });
  return {
    command: [program === undefined || program === 'python' || program === 'python3' ? python : program, ...rest],
    env,
    ...secretVariables(job),
    cwd: workDirectory,
    graceSeconds: job.graceSeconds,
    deadlineSeconds: job.deadlineSeconds ?? null,
    ...severalNodes(job.nodes),
    gate,
    createdAt: Date.now(),
  };
}

function secretVariables({ name: job, secrets = [] }: JobSpec): Pick<Launch, 'secrets'> {
  if (secrets.length === 0) return {};
  const variables = secrets.map((reference): [string, string] => {
    const source = sourceOf(reference);
    const refuse = (expected: string): AdapterError =>
      new AdapterError('InvalidInput', `Job ${job}: secret ${reference.name}: expected ${expected}, found ${reference.from}`);
    if (!('variable' in source)) throw refuse('env:NAME, a variable of the worker');
    if (!process.env[source.variable]) throw refuse('a variable that the training worker was started with');
    return [reference.name, source.variable];
  });
  return { secrets: Object.fromEntries(variables) };
}

/** Hides what this worker knows of the secrets of a Job. */
export const redactorOf = (launch: Launch | null): ((text: string) => string) =>
  redactor(Object.values(launch?.secrets ?? {}).flatMap((variable) => process.env[variable] ?? []));

const SUPERVISOR = sourceFile(import.meta.url, 'supervise.py');

/** Starts a supervisor in a session of its own and waits until it has the Job. One too many does no harm: the second leaves at once. */
export async function startSupervisor(directory: JobDirectory): Promise<void> {
  const log = openSync(directory.log, 'a');
  const python = pythonExecutable();
  let child;
  try {
    child = spawn(python, ['-I', '-S', SUPERVISOR, directory.path], { detached: true, stdio: ['ignore', log, log], cwd: directory.path });
  } finally {
    closeSync(log);
  }
  const failed = once(child, 'error').then(([error]) => error as Error);
  const exited = once(child, 'exit').then(() => null);
  failed.catch(() => undefined);
  exited.catch(() => undefined);
  child.unref();
  const timeout = AbortSignal.timeout(GRACES.processClaimMs);
  while (!directory.has('supervisor.json')) {
    const over = await Promise.race([failed, exited, delay(GRACES.processClaimLookMs, undefined)]);
    if (over instanceof Error) {
      throw new AdapterError(
        'InvalidInput',
        `cannot run ${python}: ${over.message}; expected Python 3.11 or later there, set LONGHAUL_PYTHON to one`,
        { cause: over },
      );
    }
    if (directory.has('supervisor.json') || !directory.has('spec.json')) return;
    if (over === null || timeout.aborted)
      throw new AdapterError('Unavailable', `the supervisor of Job ${directory.name} did not start; see ${join(directory.path, 'log')}`);
  }
}

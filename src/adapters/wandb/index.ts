/**
 * Entries as runs of Weights & Biases, told by its own package (`python/longhaul_wandb`): W&B has no documented way to write runs but that. With a key
 * to its service, otherwise into its offline files, which `wandb sync` sends later.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { AdapterError, type ErrorType } from '../../contract/errors.ts';
import type { Tracker } from '../../contract/trackers.ts';
import type { ExperimentTracker } from '../../ports/tracker.ts';
import { GRACES } from '../../rules/durations.ts';
import { pythonCommand } from '../python.ts';

/** Of sysexits.h, as the program ends. */
const ENDS: Readonly<Record<number, ErrorType>> = { 75: 'Unavailable', 77: 'AccessDenied', 78: 'InvalidInput' };
const SAID_CHARACTERS = 2000;

const Answer = z.object({ all: z.boolean() });

export function openWandb(
  { uri: baseUrl, project, entity }: Extract<Tracker, { kind: 'wandb' }>,
  pipeline: string,
  key: string | null,
  environment: NodeJS.ProcessEnv = process.env,
): ExperimentTracker {
  // As W&B itself goes by the variable.
  const folder = key === null ? resolve(environment.WANDB_DIR ?? '.longhaul', 'wandb') : null;
  return {
    tell: async (run, entries, signal) => {
      const request = { run, entries, folder, baseUrl, project: project ?? pipeline, entity: entity ?? null };
      const secret = key === null ? {} : { LONGHAUL_WANDB_KEY: key };
      return Answer.parse(JSON.parse(await told(JSON.stringify(request), secret, signal))).all;
    },
  };
}

async function told(request: string, secret: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { command, args, env } = pythonCommand('longhaul_wandb', []);
  // A group of its own: the package has a process that sends.
  const child = spawn(command, args, { env: { ...env, ...secret }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // Gone already.
    }
  };
  let last: NodeJS.Timeout | undefined;
  const abort = (): void => {
    kill('SIGTERM');
    last = setTimeout(() => kill('SIGKILL'), GRACES.trackerGraceMs);
  };
  signal.addEventListener('abort', abort);
  child.stdin.on('error', () => undefined).end(request);
  try {
    const ended = once(child, 'close') as Promise<[number | null, string | null]>;
    const [answer, said, [code, by]] = await Promise.all([text(child.stdout), text(child.stderr), ended]).catch((error: unknown) => {
      throw new AdapterError(
        'InvalidInput',
        `the tracker wandb needs Python in the control worker, and its package (deploy/docker/scoring-worker.Dockerfile): ${String(error)}`,
        { cause: error },
      );
    });
    signal.throwIfAborted();
    if (code === 0) return answer;
    const why = said.trim().slice(-SAID_CHARACTERS) || `it ended with ${code ?? by}`;
    throw new AdapterError(ENDS[code ?? 0] ?? 'Unavailable', why);
  } finally {
    clearTimeout(last);
    signal.removeEventListener('abort', abort);
    kill('SIGKILL');
  }
}

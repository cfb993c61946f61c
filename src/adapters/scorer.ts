import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AdapterError } from '../contract/errors.ts';
import type { ErrorType } from '../contract/errors.ts';
import { EXIT_CODES } from '../contract/trial.ts';
import type { JobContext, PredictRequest } from '../ports/warehouse.ts';
import { pythonCommand } from './python.ts';
import { GRACES } from '../rules/durations.ts';

const COMPLAINTS_CHARACTERS = 4000;

/** Scores with the trainer's own scorer into one parquet file, a path or URI. `environment` is added to that of this process. */
export async function runScorer(
  request: PredictRequest,
  output: string,
  context: JobContext,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  context.signal.throwIfAborted();
  const { command, args, env } = pythonCommand('longhaul_trainer', [
    'score',
    '--model',
    request.model,
    '--data',
    request.data,
    '--features',
    request.features,
    '--output',
    output,
    '--columns',
    ['session', 'item', 'label', ...request.columns].join(','),
  ]);
  // A group of its own, so that nothing of it stays.
  const child = spawn(command, args, { env: { ...env, ...environment }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  const listen = (chunk: Buffer): void => void (complaints = (complaints + chunk.toString()).slice(-COMPLAINTS_CHARACTERS));
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Gone already.
    }
  };
  let last: NodeJS.Timeout | undefined;
  const abort = (): void => {
    kill('SIGTERM');
    last = setTimeout(() => kill('SIGKILL'), GRACES.scorerGraceMs);
  };
  const startedAt = performance.now();
  const timer = setInterval(
    () => context.progress({ stage: `scoring for ${Math.round((performance.now() - startedAt) / 1000)} s` }),
    GRACES.scorerProgressMs,
  );
  context.signal.addEventListener('abort', abort);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    context.signal.throwIfAborted();
    if (code !== 0)
      throw new AdapterError(
        verdict(code),
        `the scorer ended with ${signal ?? `exit code ${code}`} for ${request.model}:\n${complaints.trim()}`,
      );
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new AdapterError(
        'InvalidInput',
        `cannot run ${command}: ${error.message}; set LONGHAUL_PYTHON to a Python with the trainer's requirements`,
        { cause: error },
      );
    throw error;
  } finally {
    clearInterval(timer);
    clearTimeout(last);
    context.signal.removeEventListener('abort', abort);
    kill('SIGKILL');
  }
}

/** Killed from outside: again. What the scorer says about its input is for the user. */
function verdict(code: number | null): ErrorType {
  if (code === null || code === EXIT_CODES.preempted) return 'Unavailable';
  if (code === EXIT_CODES.dataError) return 'BadData';
  return code >= EXIT_CODES.usage && code <= EXIT_CODES.config ? 'InvalidInput' : 'JobFailed';
}

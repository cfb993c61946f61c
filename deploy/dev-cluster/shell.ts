import { execFile } from 'node:child_process';

/** Thrown when the cluster or the machine cannot do what was asked; the message says what to do. */
export class ClusterError extends Error {
  override readonly name: string = 'ClusterError';
}

/** Thrown by a probe of `until` when waiting on is of no use. */
export class HopelessError extends ClusterError {}

interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Guards against waiting for ever and says nothing about speed: on a busy machine everything here takes minutes. */
export const HANGS_AFTER_SECONDS = 600;

/** Runs a program to its end and returns its standard output. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      {
        encoding: 'utf8',
        maxBuffer: 64 << 20,
        timeout: options.timeoutMs ?? HANGS_AFTER_SECONDS * 1000,
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const why = stderr.trim() || stdout.trim() || error.message;
        reject(new ClusterError(`${command} ${args.join(' ')}: ${why}`, { cause: error }));
      },
    );
    // A program that ends before it reads its input is told apart by its exit code, not by EPIPE.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** `run` for what may fail: undefined instead of an error. */
export async function tryRun(command: string, args: readonly string[], options?: RunOptions): Promise<string | undefined> {
  try {
    return await run(command, args, options);
  } catch {
    return undefined;
  }
}

export const sleep = async (milliseconds: number): Promise<void> =>
  await new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

/** Polls until `probe` gives something other than undefined. @throws ClusterError with `what` and the last error after the time. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, seconds = HANGS_AFTER_SECONDS): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      last = error;
    }
    if (Date.now() > deadline) {
      const detail = last instanceof Error ? `: ${last.message}` : '';
      throw new ClusterError(`${what}: not within ${seconds} s${detail}`);
    }
    await sleep(100);
  }
}

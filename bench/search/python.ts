/** The Python half of the bench: scripts that print one JSON value, a process that answers lines, and the sampler's own worker. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const PYTHON = process.env.LONGHAUL_PYTHON ?? 'python3';
const TRAINER = join(import.meta.dirname, '..', '..', 'python');
const LARGEST_ANSWER_BYTES = 2 ** 27;

/** @param python another interpreter than the trainer's */
export async function runScript<T>(script: string, args: readonly (string | number)[], python = PYTHON): Promise<T> {
  const { stdout } = await promisify(execFile)(python, [join(import.meta.dirname, script), ...args.map(String)], {
    maxBuffer: LARGEST_ANSWER_BYTES,
  });
  // Ray prints a banner before it.
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

/** Values of the test functions; in one process, so that both sides get the same bits. */
export class Evaluator {
  readonly #child = spawn(PYTHON, [join(import.meta.dirname, 'problems.py'), 'serve'], { stdio: ['pipe', 'pipe', 'inherit'] });
  readonly #waiting: ((value: number) => void)[] = [];

  constructor() {
    createInterface(this.#child.stdout).on('line', (line) => this.#waiting.shift()?.(JSON.parse(line) as number));
  }

  value(problem: string, parameters: object): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin.write(`${JSON.stringify({ problem, parameters })}\n`);
    });
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}

/** The worker that asks Optuna, as in production. */
export function startSampler(address: string): { stop: () => Promise<void> } {
  const child: ChildProcess = spawn(PYTHON, ['-m', 'longhaul_sampler'], {
    stdio: ['ignore', 'ignore', process.env.LONGHAUL_DEBUG ? 'inherit' : 'ignore'],
    env: { ...process.env, PYTHONPATH: TRAINER, TEMPORAL_ADDRESS: address },
  });
  return {
    stop: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

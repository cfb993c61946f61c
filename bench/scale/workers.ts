/** The control worker and one training worker as processes of their own, and what they use. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Answer } from './observe.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Linux counts CPU time for programs in hundredths of a second. */
const TICKS_A_SECOND = 100;
const KIB_A_MB = 1024;

export interface MeasuredWorker {
  /** Of user and system. */
  cpuSeconds(): number;
  /** The most that was ever resident. */
  peakRssMb(): number;
  resetLoopLag(): void;
  ask(): Promise<Answer>;
  stop(): Promise<void>;
}

/** @param name a file of workers/; resolves when it serves its queue */
export async function startWorker(name: string, directory: string, environment: NodeJS.ProcessEnv): Promise<MeasuredWorker> {
  const preload = pathToFileURL(join(import.meta.dirname, 'observe.ts')).href;
  const child = spawn(process.execPath, ['--import', preload, join(ROOT, 'workers', `${name}.ts`)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...environment },
    cwd: ROOT,
  });
  const log = join(directory, `${name}.log`);
  child.stderr?.pipe(createWriteStream(log));
  await untilReady(child, name, log);
  const statistics = (file: string): string => readFileSync(`/proc/${child.pid}/${file}`, 'utf8');
  return {
    cpuSeconds: () => {
      // Behind the program's name, which may hold spaces: fields 14 and 15 of proc(5).
      const fields = statistics('stat').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
    },
    peakRssMb: () => Number(/VmHWM:\s+(\d+) kB/.exec(statistics('status'))?.[1]) / KIB_A_MB,
    resetLoopLag: () => void child.send('reset'),
    ask: async () => {
      child.send('report');
      const [answer] = (await once(child, 'message')) as [Answer];
      return answer;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function untilReady(child: ChildProcess, name: string, log: string): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => line.includes('"ready":true') && resolve());
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the ${name} worker ended:\n${readFileSync(log, 'utf8').slice(-2000)}`)));
  });
  await ready;
}

/** A Temporal server with metrics, the workers of a release before it, and a search of four trials whose trainers only say that they train. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { dataConverterOf } from '../../src/codec/encryption.ts';
import { freePort } from '../../src/stack/tcp.ts';
import { temporalServer, untilServing } from '../../src/stack/temporal-server.ts';
import { documentOf } from '../../test/workflow/documents.ts';
import { tinyProfile, tinySearch } from '../../test/support/tiny-search.ts';

export const TRIALS = 4;
const ROOT = join(import.meta.dirname, '..', '..');
const NAMESPACE = 'default';

/** Says every minute that it trains, gives a point every five, and writes down when it was asked to stop. */
const TRAINER = `
import json, os, pathlib, signal, sys, time
folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://"))
attempt = int(os.environ.get("LONGHAUL_ATTEMPT", "1"))
trial = output.name
(output / "progress").mkdir(parents=True, exist_ok=True)
n = max([int(path.stem) for path in (output / "progress").glob("*.json")], default=0)
def tell(kind, **more):
    global n
    n += 1
    record = {"n": n, "time": time.time(), "attempt": attempt, "kind": kind, "epoch": 0, "part": 0, "step": n, "samples": n, "metrics": {}}
    part = output / "progress" / f".{n}"
    part.write_text(json.dumps({**record, **more}))
    part.rename(output / "progress" / f"{n}.json")
def stop(*_):
    (folder / f"stopped-{trial}-{attempt}").write_text(str(time.time()))
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
tell("start")
(folder / f"began-{trial}-{attempt}").touch()
minute = 0
while True:
    time.sleep(60)
    minute += 1
    tell("validation", metrics={"score": minute / (minute + 1)}) if minute % 5 == 0 else tell("train")
`;

export interface World {
  readonly client: Client;
  readonly run: string;
  /** Where trainers leave word. */
  readonly folder: string;
  readonly metrics: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Names of files of trainers that began, or were asked to stop. */
  words(kind: 'began' | 'stopped'): readonly string[];
  /** Kills a worker without a word, and starts it again. @returns ms since 1970 of the kill */
  replace(worker: string): Promise<number>;
  close(): Promise<void>;
}

/** The sources of a commit, without the history around them. */
export async function sourcesOf(commit: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await promisify(execFile)('sh', ['-c', `git -C "$1" archive "$2" | tar -x -C "$3"`, 'sh', ROOT, commit, folder]);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** @param sources of the release whose workers these are */
export async function openWorld(sources: string, folder: string): Promise<World> {
  mkdirSync(folder, { recursive: true });
  const ports = { temporal: await freePort(), ui: await freePort() };
  const metrics = await freePort();
  const address = `127.0.0.1:${ports.temporal}`;
  const program = temporalServer(folder, ports);
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const processes = new Map<string, ChildProcess>();
  const start = (name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess => {
    const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.pipe(createWriteStream(join(folder, 'logs', `${name}.log`), { flags: 'a' }));
    processes.set(name, child);
    return child;
  };
  start('temporal', program.command, [...program.args, '--metrics-port', String(metrics)], {
    ...process.env,
    ...program.env,
  }).stdout?.resume();
  const environment = { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: NAMESPACE };
  await untilServing(address, NAMESPACE, Promise.resolve());
  const worker = async (name: string): Promise<void> => {
    const child = start(name, process.execPath, [join(sources, 'workers', `${name}.ts`)], environment);
    await ready(child, name);
  };
  const sampler = start('sampler', process.env.LONGHAUL_PYTHON ?? 'python3', ['-P', '-m', 'longhaul_sampler'], {
    ...environment,
    PYTHONPATH: [join(sources, 'python'), join(sources, 'trainer')].join(':'),
    PYTHONUNBUFFERED: '1',
  });
  sampler.stdout?.resume();
  await Promise.all(['control', 'warehouse', 'training'].map(worker));
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace: NAMESPACE, dataConverter: dataConverterOf() });
  const run = 'bench-actions';
  const search = tinySearch(folder, { trials: TRIALS });
  const document = documentOf(
    [
      {
        ...search,
        spec: {
          ...search.spec,
          command: ['python', '-c', TRAINER, folder],
          parallel: TRIALS,
          resources: { cpu: 0.1, memoryMb: 64 },
        } as typeof search.spec,
      },
    ],
    { profile: { ...tinyProfile(folder), silenceSeconds: 3600 } },
  );
  await client.workflow.start('trainingPipeline', { workflowId: run, taskQueue: 'longhaul-control', args: [document] });
  return {
    client,
    run,
    folder,
    metrics: `http://127.0.0.1:${metrics}/metrics`,
    environment,
    words: (kind) => readdirSync(folder).filter((name) => name.startsWith(`${kind}-`)),
    replace: async (name) => {
      processes.get(name)?.kill('SIGKILL');
      const at = Date.now();
      await worker(name);
      return at;
    },
    close: async () => {
      await connection.close();
      for (const [name, child] of [...processes].reverse()) {
        child.kill(name === 'temporal' ? 'SIGTERM' : 'SIGKILL');
        await new Promise((resolve) =>
          child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(null),
        );
      }
      endTrainers(folder);
    },
  };
}

async function ready(child: ChildProcess, name: string): Promise<void> {
  if (!child.stdout) throw new Error(`${name} has no output`);
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready":true')) return;
  throw new Error(`the ${name} worker ended before it was ready`);
}

/** What the process adapter started outlives the workers. */
function endTrainers(folder: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(folder)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}

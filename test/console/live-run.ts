/** A real run to look at: servers and workers of its own, SQL, parquet, and a search with the custom trainer of examples/. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../src/stack/stack.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { compile } from '../../src/compile/index.ts';
import { createLiveSource, type ConsoleSource } from '../../src/console/index.ts';
import { Profile } from '../../src/contract/profile.ts';
import { openPorts } from '../../src/adapters/open.ts';

export interface LiveRun {
  readonly run: string;
  readonly longhaul: Longhaul;
  readonly source: ConsoleSource;
  /** SIGTERM to a trial's trainer, as a machine that is taken away sends it. */
  readonly preempt: (trial: number) => Promise<void>;
  /** Process id; null while none runs, as between two attempts. */
  readonly trainerOf: (trial: number) => Promise<number | null>;
  /** Another run, with a search of its own on the same data. */
  readonly another: () => Promise<string>;
  readonly close: () => Promise<void>;
}

const PIPELINE = join(import.meta.dirname, 'pipeline', 'pipeline.yaml');
const TRAINER = join(import.meta.dirname, '..', '..', 'examples', 'custom-trainer', 'train.py');

export async function startLiveRun(): Promise<LiveRun> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-console-'));
  const stack = await startStack({ directory: folder });
  const longhaul = await connect({ directory: folder });
  const ports = openPorts();
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
    storage: { kind: 'directory', path: join(folder, 'store') },
    compute: { kind: 'process', path: join(folder, 'jobs') },
    pools: [{ name: 'spot', spot: true, pricePerHour: 100, onDemandPricePerHour: 300 }],
  });
  const profileFile = join(folder, 'profile.json');
  writeFileSync(profileFile, JSON.stringify(profile));
  const documentWith = (set: readonly string[]): ReturnType<typeof compile> =>
    compile(PIPELINE, { profile: profileFile, cwd: folder, set: [`params.trainer=${TRAINER}`, ...set] });
  const document = await documentWith([]);
  await stack.ready;
  const run = await longhaul.start(document);
  const runs = [run];
  const trainerOf = async (trial: number): Promise<number | null> => {
    const jobs = await (await ports.compute(profile)).list({ run: run.id });
    const job = jobs.find(({ phase, labels }) => phase === 'running' && labels.trial === String(trial));
    const file = join(folder, 'jobs', job?.name ?? '', 'started.json');
    return job && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid : null;
  };
  return {
    run: run.id,
    longhaul,
    source: createLiveSource(longhaul, ports, stack.ui),
    trainerOf,
    preempt: async (trial) => {
      const pid = await trainerOf(trial);
      if (pid === null) throw new Error(`trial ${trial} has not begun`);
      process.kill(pid, 'SIGTERM');
    },
    another: async () => {
      const next = await longhaul.start(await documentWith(['steps.search.cache=false']));
      runs.push(next);
      return next.id;
    },
    close: async () => {
      for (const one of runs) {
        await one.cancel().catch(() => undefined);
        await one.result().catch(() => undefined);
      }
      await ports.close();
      await longhaul.close();
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

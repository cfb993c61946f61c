/** A real run to look at: servers and workers of its own, a search with a trainer that goes on until it is told to finish. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../deploy/local/stack.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { createLiveSource, type ConsoleSource } from '../../src/console/index.ts';
import { openPorts } from '../../workers/adapters.ts';
import { documentOf } from '../workflow/documents.ts';

export interface LiveRun {
  readonly run: string;
  readonly longhaul: Longhaul;
  readonly source: ConsoleSource;
  /** SIGTERM to a trial's trainer, as a machine that is taken away sends it. */
  readonly preempt: (trial: number) => void;
  /** null while none runs, as between two attempts. */
  readonly trainerOf: (trial: number) => number | null;
  /** Trainers end as soon as they see it. */
  readonly finish: () => void;
  readonly close: () => Promise<void>;
}

export async function startLiveRun(): Promise<LiveRun> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-console-'));
  const control = join(folder, 'control');
  mkdirSync(control);
  const stack = await startStack({ directory: folder });
  const longhaul = await connect({ directory: folder });
  const ports = openPorts();
  const document = documentOf(
    [
      {
        id: 'features',
        spec: {
          kind: 'script',
          language: 'shell',
          file: 'features.sh',
          source: `mkdir -p ${folder}/store/train && echo "[]" > ${folder}/store/train/part-0.json && echo '${FEATURES}' > ${folder}/store/features.json && echo '{"done": "yes"}' > "$LONGHAUL_OUTPUTS"`,
          outputs: { done: 'string' },
          output: `file://${folder}/store/features/{key}`,
        },
      },
      {
        id: 'search',
        dependsOn: ['features'],
        spec: {
          kind: 'search',
          data: { train: `file://${folder}/store/train` },
          features: `file://${folder}/store/features.json`,
          image: 'local/small-trainer',
          command: ['python', join(import.meta.dirname, 'small-trainer.py')],
          env: { CONTROL: control },
          objective: { metric: 'score', goal: 'maximize' },
          space: { rate: { type: 'float', low: 0.01, high: 1, log: true } },
          trials: 2,
          parallel: 2,
          sampler: { kind: 'random', seed: 3 },
          output: `file://${folder}/store/search/{key}`,
        },
      },
      {
        id: 'release',
        dependsOn: ['search'],
        spec: { kind: 'approval', message: 'Is trial {steps.search.outputs.best_trial} good enough?' },
      },
    ],
    {
      pipeline: 'console-test',
      description: 'A search to look at.',
      profile: {
        warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
        storage: { kind: 'directory', path: join(folder, 'store') },
        compute: { kind: 'process', path: join(folder, 'jobs') },
        pools: [{ name: 'spot', spot: true, pricePerHour: 100, onDemandPricePerHour: 300 }],
      },
    },
  );
  await stack.ready;
  const run = await longhaul.start(document);
  const trainerOf = (trial: number): number | null => {
    const file = join(control, `pid-${trial}`);
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
    return pid !== null && existsSync(`/proc/${pid}`) ? pid : null;
  };
  return {
    run: run.id,
    longhaul,
    source: createLiveSource(longhaul, ports, stack.ui),
    trainerOf,
    preempt: (trial) => {
      const pid = trainerOf(trial);
      if (pid === null) throw new Error(`trial ${trial} has not begun`);
      process.kill(pid, 'SIGTERM');
    },
    finish: () => writeFileSync(join(control, 'finish'), ''),
    close: async () => {
      writeFileSync(join(control, 'finish'), '');
      await run.cancel().catch(() => undefined);
      await run.result().catch(() => undefined);
      await ports.close();
      await longhaul.close();
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const FEATURES = JSON.stringify({
  layout: { kind: 'flat', session: 'session', item: 'item', label: 'label' },
  features: [{ name: 'price', type: 'numeric', default: 0 }],
});

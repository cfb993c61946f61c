/** What a trial costs besides its training: no-op trials, the same number and the same parallelism for each. */
import { specOf, type SearchHarness } from '../../test/workflow/search-harness.ts';
import { runScript } from './python.ts';
import { rayPython } from './ray.ts';

interface OverheadOptions {
  readonly trials: number;
  readonly parallel: number;
}

/** Milliseconds a trial. */
interface Overhead {
  readonly own: number;
  readonly optuna: number;
  readonly ray: number;
}

const WARM_UP_TRIALS = 16;

export async function measureOverhead(harness: SearchHarness, { trials, parallel }: OverheadOptions): Promise<Overhead> {
  const own = await ownOverhead(harness, trials, parallel);
  const optuna = await runScript<number>('noop_optuna.py', [trials, parallel]);
  const ray = await runScript<number>('noop_ray.py', [trials, parallel], await rayPython());
  return { own, optuna, ray };
}

/** Through the workflows, a server and the sampler's worker: every trial is a child workflow with an attempt, a slot and a row of the ledger. */
async function ownOverhead(harness: SearchHarness, trials: number, parallel: number): Promise<number> {
  harness.reset();
  await searched(harness, WARM_UP_TRIALS, parallel);
  const began = performance.now();
  await searched(harness, trials, parallel);
  return (performance.now() - began) / trials;
}

async function searched(harness: SearchHarness, trials: number, parallel: number): Promise<void> {
  const search = await harness.search(specOf({ trials, parallel, sampler: { kind: 'random', seed: 1 } }));
  await search.result();
}

/** Longhaul itself, a process of its own like each peer: `chain` or `fan-out`, one line of JSON. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profileOf, specOf, startSearchHarness } from '../../test/workflow/search-harness.ts';
import { measureOverhead } from '../launch/overhead.ts';
import { percentile } from '../recovery/statistics.ts';

const TRIALS = 100;
const ROUNDS = 3;

const folder = mkdtempSync(join(tmpdir(), 'longhaul-peers-'));
try {
  const result = process.argv[2] === 'chain' ? { step_ms: (await measureOverhead(folder)).per_step_ms } : { trial_ms: await fanOut() };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A search whose sampler answers at once and whose attempts end at once, all of them under way together. */
async function fanOut(): Promise<number> {
  const pragmas = ['journal_mode=wal', 'synchronous=1'].flatMap((pragma) => ['--sqlite-pragma', pragma]);
  const harness = await startSearchHarness('real', ['--db-filename', join(folder, 'temporal.db'), ...pragmas]);
  try {
    const search = async (): Promise<number> => {
      harness.reset();
      const began = performance.now();
      const handle = await harness.search(specOf({ trials: TRIALS, parallel: TRIALS }), profileOf());
      await handle.result();
      return (performance.now() - began) / TRIALS;
    };
    await search();
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await search());
    return percentile(rounds, 0.5);
  } finally {
    await harness.stop();
  }
}

/** Servers are up; a file is saved, `longhaul train` is typed, and the first step is done. Beside it: the script by itself. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pythonExecutable, pythonPath } from '../../src/adapters/python.ts';
import { startStack } from '../../src/stack/stack.ts';
import { median, round2 } from './statistics.ts';

const CLI = resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const ROUNDS = 3;
const POLL_MS = 5;

/** Each round is other code, and tells when its first step is done. */
const script = (round: number, told: string): string => `
import longhaul, pathlib, time
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": ${round}})
    for _ in trial.epochs():
        for _ in trial.batches(range(2)):
            kept["n"] += 1
            trial.step()
            if not pathlib.Path(${JSON.stringify(told)}).exists():
                pathlib.Path(${JSON.stringify(told)}).write_text(str(time.time()))
        trial.validation({"score": kept["n"]})
`;

export async function measureLaptop(folder: string): Promise<{ readonly local_s: number; readonly script_s: number }> {
  const stack = await startStack({ directory: folder });
  try {
    await stack.ready;
    const alone: number[] = [];
    const edited: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const first = join(folder, `alone-${round}`);
      const file = join(folder, 'train.py');
      writeFileSync(file, script(round, first));
      const env = { ...process.env, PYTHONPATH: pythonPath() };
      const before = Date.now();
      execFileSync(pythonExecutable(), [file, '--output', join(folder, `out-${round}`)], { cwd: folder, env, stdio: 'ignore' });
      const second = join(folder, `edited-${round}`);
      writeFileSync(file, script(round, second));
      const saved = Date.now();
      execFileSync(process.execPath, [CLI, 'train', 'train.py', '--detach'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
      const begun = await toldAt(second);
      // The first round reads what later ones find in memory.
      if (round === 0) continue;
      alone.push((await toldAt(first)) - before);
      edited.push(begun - saved);
    }
    const script_s = median(alone) / 1000;
    return { local_s: round2(median(edited) / 1000 - script_s), script_s: round2(script_s) };
  } finally {
    await stack.stop();
  }
}

/** ms since 1970 */
async function toldAt(path: string): Promise<number> {
  for (;;) {
    const text = read(path);
    if (text !== '') return Number(text) * 1000;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

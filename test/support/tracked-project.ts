/** A project whose trainer knows nothing of any tracker: two trials of three epochs, with the scores 1, 2 and 3. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const TRAINER = `import longhaul
with longhaul.trial() as trial:
    for epoch in trial.epochs():
        for batch in trial.batches(range(2)):
            trial.step(samples=1)
        trial.validation({"score": epoch + 1.0}, model=lambda folder: (folder / "m.txt").write_text("m"))
`;
const PIPELINE = `version: 1
name: tracked
steps:
  search:
    kind: search
    code: train.py
    objective: { metric: score, direction: maximize }
    space: { lr: { type: float, low: 0.1, high: 1 } }
    n_trials: 2
    epochs: 3
`;

/** @param tracker of its profile `tracked`, as YAML */
export async function writeTrackedProject(folder: string, tracker: string): Promise<void> {
  await mkdir(join(folder, 'profiles'), { recursive: true });
  const profile = `warehouse: { kind: duckdb, path: .longhaul/warehouse }
storage: { kind: directory, path: .longhaul/store }
compute: { kind: process, path: .longhaul/jobs }
trackers: [${tracker}]
`;
  await writeFile(join(folder, 'profiles', 'tracked.yaml'), profile);
  await writeFile(join(folder, 'train.py'), TRAINER);
  await writeFile(join(folder, 'pipeline.yaml'), PIPELINE);
}

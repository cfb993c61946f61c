/** A search whose trainer is a few lines of Python: everything around it is real. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { Profile } from '../../src/contract/profile.ts';
import type { StepInput } from '../workflow/documents.ts';

/** It says that it began, and ends when a file appears. */
const TRAINER = `
import json, os, pathlib, sys, time
folder, until = pathlib.Path(sys.argv[1]), sys.argv[2]
output = pathlib.Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://"))
(folder / "began").touch()
while until and not (folder / until).exists():
    time.sleep(0.1)
output.mkdir(parents=True, exist_ok=True)
result = {"metrics": {"score": 1.0}, "objective": 1.0, "bestStep": 1, "steps": 1, "samples": 1, "epochs": 1, "bestExport": None, "weightsSha256": "0"}
(output / "result.json").write_text(json.dumps(result))
`;

const FEATURES = {
  layout: { kind: 'flat', session: 's', item: 'i', label: 'l' },
  features: [{ name: 'x', type: 'numeric', default: 0 }],
  segments: [],
};

/** The embedded profile, in a folder. */
export const tinyProfile = (folder: string): z.input<typeof Profile> => ({
  warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
  storage: { kind: 'directory', path: join(folder, 'store') },
  compute: { kind: 'process', path: join(folder, 'jobs') },
  silenceSeconds: 0,
});

/**
 * A step `search`. Leaves `began` in the folder when its first trial runs.
 * @param options.untilFile name of the file in the folder that ends the trials; absent: they end at once
 */
export function tinySearch(folder: string, options: { readonly untilFile?: string; readonly trials?: number } = {}): StepInput {
  const data = join(folder, 'store', 'data');
  for (const name of ['train/part-0.parquet', 'validation/part-0.parquet', 'features.json']) {
    mkdirSync(dirname(join(data, name)), { recursive: true });
    writeFileSync(join(data, name), JSON.stringify(FEATURES));
  }
  return {
    id: 'search',
    spec: {
      kind: 'search',
      data: { train: `file://${data}/train`, validation: `file://${data}/validation` },
      features: `file://${data}/features.json`,
      command: ['python', '-c', TRAINER, folder, options.untilFile ?? ''],
      objective: { metric: 'score', goal: 'maximize' },
      space: { x: { type: 'float', low: 0, high: 1 } },
      trials: options.trials ?? 1,
      output: `file://${folder}/store/search/{key}`,
    },
  };
}

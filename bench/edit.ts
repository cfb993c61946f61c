/**
 * `npm run bench -- edit [--json]`: from saving a training script to its first step with it, beyond what the script (laptop) or the pod
 * (cluster) needs anyway. `cluster_s` is null where no cluster can run.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureCluster } from './edit/cluster.ts';
import { measureLaptop } from './edit/laptop.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values } = commandLine({
  call: 'npm run bench -- edit',
  about: 'From saving a training script to its first step, beyond what the script needs anyway.',
  options: {
    json: JSON_OPTION,
  },
});

const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
try {
  for (const name of ['laptop', 'cluster']) mkdirSync(join(folder, name));
  const result = { ...(await measureLaptop(join(folder, 'laptop'))), ...(await measureCluster(join(folder, 'cluster'))) };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(12)} ${value ?? 'no cluster here'}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** `npm run histories`: plays every scenario on a development server and keeps the histories, which the replay tests then hold the workflows to. */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { startHarness } from '../workflow/environment.ts';
import { createMemoryPorts } from '../workflow/memory-ports.ts';
import { PIPELINE_SCENARIOS } from './pipeline-scenarios.ts';

const FOLDER = join(import.meta.dirname, 'histories');

const ROOT = join(FOLDER, '..', '..', '..');

/** Without the names of this process, machine and folder, which are in identities and stack traces. */
const anonymous = (text: string): string =>
  text.replaceAll(`${process.pid}@${hostname()}`, 'recorder').replaceAll(hostname(), 'host').replaceAll(ROOT, '/longhaul');

const wanted = process.argv.slice(2);
const scenarios = Object.entries(PIPELINE_SCENARIOS).filter(([name]) => wanted.length === 0 || wanted.includes(name));
await mkdir(FOLDER, { recursive: true });
for (const [name, play] of scenarios) {
  const ports = createMemoryPorts();
  const harness = await startHarness(ports, 'real');
  try {
    for (const workflowId of await play(harness, ports)) {
      const history = await harness.client.workflow.getHandle(workflowId).fetchHistory();
      const file = join(FOLDER, `${workflowId.replaceAll('/', '.')}.json`);
      await writeFile(file, `${anonymous(historyToJSON(history))}\n`);
      process.stderr.write(`${name}: ${history.events?.length ?? 0} events\n`);
    }
  } finally {
    await harness.stop();
  }
}

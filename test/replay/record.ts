/** `npm run histories`: plays every scenario on a development server and keeps the histories, which the replay tests then hold the workflows to. */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { startHarness, type Harness } from '../workflow/environment.ts';
import { createMemoryPorts } from '../workflow/memory-ports.ts';
import { startSearchHarness } from '../workflow/search-harness.ts';
import { PIPELINE_SCENARIOS } from './pipeline-scenarios.ts';
import { SEARCH_SCENARIOS, SUGGEST_EARLY } from './search-scenarios.ts';

const FOLDER = join(import.meta.dirname, 'histories');

const ROOT = join(FOLDER, '..', '..', '..');

/** Without the names of this process, machine and folder, which are in identities and stack traces. */
const anonymous = (text: string): string =>
  text.replaceAll(`${process.pid}@${hostname()}`, 'recorder').replaceAll(hostname(), 'host').replaceAll(ROOT, '/longhaul');

const TENSORBOARD = { startTensorboard: async () => 'http://tensorboard/', stopTensorboard: async () => undefined };

const wanted = process.argv.slice(2);
const chosen = <T>(scenarios: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(scenarios).filter(([name]) => wanted.length === 0 || wanted.includes(name));

async function keep(harness: Harness, file: string, workflowId: string, runId?: string): Promise<void> {
  const history = await harness.client.workflow.getHandle(workflowId, runId).fetchHistory();
  await writeFile(join(FOLDER, `${file}.json`), `${anonymous(historyToJSON(history))}\n`);
  process.stderr.write(`${file}: ${history.events?.length ?? 0} events\n`);
}

await mkdir(FOLDER, { recursive: true });
for (const [, play] of chosen(PIPELINE_SCENARIOS)) {
  const ports = createMemoryPorts();
  const harness = await startHarness(ports, 'real');
  try {
    for (const workflowId of await play(harness, ports)) await keep(harness, workflowId.replaceAll('/', '.'), workflowId);
  } finally {
    await harness.stop();
  }
}
for (const [, play] of chosen(SEARCH_SCENARIOS)) {
  const harness = await startSearchHarness('real', [...SUGGEST_EARLY], TENSORBOARD);
  try {
    for (const { file, workflowId, runId } of await play(harness)) await keep(harness, file, workflowId, runId);
  } finally {
    await harness.stop();
  }
}

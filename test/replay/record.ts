/**
 * `npm run histories [-- NAME…]`: plays scenarios on a development server and keeps their histories for the release in package.json, which the
 * replay tests then hold the workflows to. What was recorded stays: a scenario whose history is there already is told and left alone.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { commandLine } from '../../tools/command-line.ts';
import { startHarness, type Harness } from '../workflow/environment.ts';
import { createMemoryPorts } from '../workflow/memory-ports.ts';
import { startSearchHarness } from '../workflow/search-harness.ts';
import release from '../../package.json' with { type: 'json' };
import { BESIDE_SCENARIOS, besideActivities } from './beside-scenarios.ts';
import { JOB_ENDING_SCENARIOS } from './job-ending-scenarios.ts';
import { PIPELINE_SCENARIOS } from './pipeline-scenarios.ts';
import { AUDITING, SEARCH_SCENARIOS, SUGGEST_EARLY } from './search-scenarios.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(import.meta.dirname, 'histories', release.version);

/** Without the names of this process, machine and folder, which are in identities and stack traces. */
const anonymous = (text: string): string =>
  text.replaceAll(`${process.pid}@${hostname()}`, 'recorder').replaceAll(hostname(), 'host').replaceAll(ROOT, '/longhaul');

const TENSORBOARD = { startTensorboard: async () => 'http://tensorboard/', stopTensorboard: async () => undefined };

const SEARCHES = { ...SEARCH_SCENARIOS, ...JOB_ENDING_SCENARIOS };
const SCENARIOS = [...Object.keys(PIPELINE_SCENARIOS), ...Object.keys(BESIDE_SCENARIOS), ...Object.keys(SEARCHES)];
const { words: wanted, refuse } = commandLine({
  call: 'npm run histories --',
  words: '[NAME…]',
  about: `Plays scenarios and keeps their histories for release ${release.version}; what was recorded stays. All, or some of: ${SCENARIOS.join(', ')}.`,
  options: {},
});
const unknown = wanted.filter((name) => !SCENARIOS.includes(name));
if (unknown.length > 0) refuse(`no scenario ${unknown.join(', ')}; there are: ${SCENARIOS.join(', ')}`);
const chosen = <T>(scenarios: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(scenarios).filter(([name]) => wanted.length === 0 || wanted.includes(name));

async function keep(harness: Harness, file: string, workflowId: string, runId?: string): Promise<void> {
  const path = join(FOLDER, `${file}.json`);
  if (existsSync(path)) {
    process.stderr.write(`${file}: recorded before; give the scenario another name to record it again\n`);
    return;
  }
  const history = await harness.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const text = `${anonymous(historyToJSON(history))}\n`;
  await writeFile(path, text);
  await appendFile(join(FOLDER, 'SHA256SUMS'), `${createHash('sha256').update(text).digest('hex')}  ${file}.json\n`);
  process.stderr.write(`${file}: ${history.events?.length ?? 0} events\n`);
}

await mkdir(FOLDER, { recursive: true });
for (const [, play] of chosen({ ...PIPELINE_SCENARIOS, ...BESIDE_SCENARIOS })) {
  const ports = createMemoryPorts();
  const harness = await startHarness(ports, 'real', besideActivities(ports));
  try {
    for (const workflowId of await play(harness, ports)) await keep(harness, workflowId.replace(/[/:]/g, '.'), workflowId);
  } finally {
    await harness.stop();
  }
}
for (const [, play] of chosen(SEARCHES)) {
  const harness = await startSearchHarness('real', [...SUGGEST_EARLY], { ...TENSORBOARD, ...AUDITING });
  try {
    for (const { file, workflowId, runId } of await play(harness)) await keep(harness, file, workflowId, runId);
  } finally {
    await harness.stop();
  }
}

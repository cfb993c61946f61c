/**
 * `npm run bench -- history [--json] [--trials 1000] [--parallel 200]`: how large histories become. A trial of five days that is preempted
 * every hour, and a search of a thousand trials, on a development server, with trainers that say what such days would bring.
 */
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { AttemptReport } from '../src/contract/attempts.ts';
import { profileOf, specOf, startSearchHarness, type SearchHarness } from '../test/workflow/search-harness.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const HOURS = 5 * 24;
const SAMPLES_AN_HOUR = 1_000_000;
const METRICS = { score: 0.5, loss: 0.69, validation_loss: 0.71, validation_ndcg_at_10: 0.43, validation_mrr: 0.31 };

interface Size {
  readonly events: number;
  readonly bytes: number;
}

const { values, whole } = commandLine({
  call: 'npm run bench -- history',
  about: 'How much history a trial of days and a search leave in Temporal.',
  options: {
    json: JSON_OPTION,
    trials: { type: 'string', default: '1000', value: 'N', about: 'of the search' },
    parallel: { type: 'string', default: '200', value: 'N', about: 'of them at once' },
  },
});

const harness = await startSearchHarness('real');
try {
  const trial = await measureTrial(harness);
  const search = await measureSearch(harness, whole('trials'), whole('parallel'));
  const result = {
    trial_events: trial.events,
    trial_bytes: trial.bytes,
    search_events_max: Math.max(...search.map(({ events }) => events)),
    search_bytes_max: Math.max(...search.map(({ bytes }) => bytes)),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(18)} ${value}\n`);
} finally {
  await harness.stop();
}

/** An hour of training, then the machine is gone; the last attempt ends the training. */
async function measureTrial(harness: SearchHarness): Promise<Size> {
  const { world, client } = harness;
  harness.reset();
  world.attempt = async ({ attempt, samples }): Promise<Partial<AttemptReport>> => {
    const hour = { samples: samples + SAMPLES_AN_HOUR, lastProgress: attempt * 60, done: attempt / HOURS };
    const end = attempt < HOURS ? { verdict: 'preempted' as const, cause: 'EvictionByEvictionAPI on node gke-spot-4f2a' } : {};
    return Promise.resolve({ ...hour, ...end, metrics: METRICS });
  };
  const handle = await harness.trial();
  await handle.result();
  return sizeOf(client, handle.workflowId, handle.firstExecutionRunId);
}

/** Each run of the search's workflow, which continues as new. */
async function measureSearch(harness: SearchHarness, trials: number, parallel: number): Promise<Size[]> {
  const { world, client } = harness;
  harness.reset();
  world.attempt = async ({ trial }) => Promise.resolve({ metrics: METRICS, objective: (trial.trial * 31) % trials });
  const began = performance.now();
  const handle = await harness.search(specOf({ trials, parallel }), profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] }));
  await handle.result();
  process.stderr.write(`a search of ${trials} trials took ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  const sizes: Size[] = [];
  for (let run: string | undefined = handle.firstExecutionRunId; run !== undefined;) {
    sizes.push(await sizeOf(client, handle.workflowId, run));
    run = await nextRun(client, handle.workflowId, run);
  }
  return sizes;
}

/** The run that it continued as, from its last event: a page of the whole history may be larger than an answer of the server. */
async function nextRun(client: Client, workflowId: string, runId: string): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    historyEventFilterType: proto.temporal.api.enums.v1.HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
  });
  return history?.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
}

async function sizeOf(client: Client, workflowId: string, runId: string): Promise<Size> {
  const { historyLength, historySize } = await client.workflow.getHandle(workflowId, runId).describe();
  return { events: historyLength, bytes: historySize ?? 0 };
}

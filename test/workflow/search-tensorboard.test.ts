import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { homeOfStorage, searchWorkflowId, tensorboardWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { EarlierSearch, SearchInput } from '../../src/contract/search.ts';
import type { TensorboardInput } from '../../activities/tensorboard.ts';
import type { tensorboard } from '../../workflows/tensorboard.ts';
import { until } from './environment.ts';
import { later, profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

let harness: SearchHarness;
const calls: string[] = [];
let broken = false;
const fakes = {
  startTensorboard: (input: TensorboardInput): Promise<string> => {
    if (broken) throw later(0);
    calls.push(`start ${input.pipeline} ${input.logdir}`);
    return Promise.resolve('http://tensorboard/');
  },
  stopTensorboard: ({ pipeline }: TensorboardInput): Promise<void> => {
    calls.push(`stop ${pipeline}`);
    return Promise.resolve();
  },
};

beforeAll(async () => {
  harness = await startSearchHarness('real', [], fakes);
});
afterAll(() => harness.stop());

const keeperEnds = (): Promise<unknown> =>
  harness.client.workflow.getHandle(tensorboardWorkflowId('p', homeOfStorage(profile.storage))).result();
const profile = profileOf({ tensorboard: { enabled: true, keepSeconds: 1 } });

it('is shared by the searches of a pipeline, shown in the state, and removed some time after the last one', async () => {
  const [first, second] = await Promise.all([harness.search(specOf(), profile), harness.search(specOf(), profile)]);
  await Promise.all([first.result(), second.result()]);
  const urls = await Promise.all([first, second].map(async (each) => (await each.query<{ tensorboard?: string }>('state')).tensorboard));
  expect(urls).toEqual(['http://tensorboard/', 'http://tensorboard/']);
  await keeperEnds();
  expect(calls.filter((call) => call.startsWith('stop'))).toEqual(['stop p']);
  expect(calls.at(-1)).toBe('stop p');
  expect(calls[0]).toMatch(/^start p file:\/\/\/out/);
});

it('does not touch a search when it cannot be started', async () => {
  broken = true;
  const search = await harness.search(specOf(), profile);
  expect((await search.result()).counts.succeeded).toBe(4);
  broken = false;
  await until(async () => (await search.query<{ tensorboard?: string }>('state')).tensorboard === undefined, 'a state without it');
  await keeperEnds();
});

it('is not there unless the profile wants one', async () => {
  calls.length = 0;
  await (await harness.search(specOf())).result();
  expect(calls).toEqual([]);
});

it('is removed also when a search that holds it has gone without a word', async () => {
  calls.length = 0;
  const skipping = await startSearchHarness('skipping', [], fakes);
  try {
    await skipping.client.workflow.execute<typeof tensorboard>(WORKFLOWS.tensorboard, {
      taskQueue: TASK_QUEUES.control,
      workflowId: 'keeper',
      args: [{ pipeline: 'p', profile, holders: ['terminated'] }],
    });
    expect(calls).toEqual(['stop p']);
  } finally {
    await skipping.stop();
  }
});

it('is started for a search that is run again, as that of its end was let go', async () => {
  const search = await harness.search(specOf(), profile);
  await search.result();
  await keeperEnds();
  const { carried } = await search.query<EarlierSearch>('memory');
  if (carried === null) throw new Error('the ended search says nothing');
  calls.length = 0;
  const again: SearchInput = { run: 'again', pipeline: 'p', step: 'search', commit: null, profile, spec: specOf(), carried, again: true };
  await harness.client.workflow.execute(WORKFLOWS.hyperparameterSearch, {
    taskQueue: TASK_QUEUES.control,
    workflowId: searchWorkflowId(again.run, again.step),
    args: [again],
  });
  await keeperEnds();
  expect(calls.map((call) => call.split(' ')[0])).toEqual(['start', 'stop']);
});

it('is asked for again by a search that continued as new before there was an answer', async () => {
  let asked = 0;
  const slow = {
    ...fakes,
    startTensorboard: async (): Promise<string> => (++asked === 1 ? Context.current().cancelled : 'http://second/'),
  };
  // Stands for 4,096 events.
  const SUGGEST_AFTER = 60;
  const own = await startSearchHarness(
    'real',
    ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGEST_AFTER}`],
    slow,
  );
  try {
    own.world.attempt = async () => ({ verdict: await own.stopAsked() });
    const search = await own.search(specOf({ trials: 1, parallel: 1 }), profile);
    const now = own.client.workflow.getHandle(search.workflowId);
    await until(() => Promise.resolve(own.running() === 1 && asked === 1), 'the trial and the question');
    const isFirst = async (): Promise<boolean> => (await now.describe()).runId === search.firstExecutionRunId;
    while ((await now.describe()).historyLength < SUGGEST_AFTER && (await isFirst()))
      await now.executeUpdate('set-parallelism', { args: [{ parallel: 1 }] });
    await until(async () => !(await isFirst()), 'the search to continue as new');
    await until(async () => (await now.query<{ tensorboard?: string }>('state')).tensorboard === 'http://second/', 'the answer');
    await now.cancel();
    await now.result().catch(() => undefined);
  } finally {
    await own.stop();
  }
});

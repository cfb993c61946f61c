/** Trials that go on while the Job of an attempt before is still to be ended, by a workflow of its own. */
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { AttemptReport } from '../../src/contract/attempts.ts';
import { jobEndingWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES } from '../../src/contract/names.ts';
import { profileOf, specOf } from '../workflow/search-harness.ts';
import { recorded, type SearchScenario } from './search-scenarios.ts';

/** Of the search's trial 0, attempt 1. */
const endingOf = (search: { readonly workflowId: string }): string => {
  const [run = ''] = search.workflowId.split('/');
  return jobEndingWorkflowId({ run, step: 'search', trial: 0 }, 'attempt', 1);
};

/** One of several machines is evicted and all ranks have saved: the next attempt trains before the Job of the first has ended. */
const gangLetsGo =
  (search: string, ending: string): SearchScenario =>
  async (harness) => {
    const second = Promise.withResolvers<undefined>();
    const firstEnded = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ attempt }): Promise<Partial<AttemptReport>> => {
      if (attempt === 1) return { verdict: 'preempted', cause: 'EvictionByEvictionAPI on node-1', letGo: true, lastProgress: 5 };
      second.resolve(undefined);
      await firstEnded.promise;
      return { lastProgress: 9 };
    };
    harness.world.end = async () => {
      await second.promise;
      return { verdict: 'preempted' };
    };
    const begun = await harness.search(specOf({ trials: 1, resources: { nodes: 2 } }));
    await second.promise;
    const workflowId = endingOf(begun);
    await harness.client.workflow.getHandle(workflowId).result();
    firstEnded.resolve(undefined);
    await begun.result();
    return [...recorded(search, begun, 0), { file: ending, workflowId }];
  };

export const JOB_ENDING_SCENARIOS: Readonly<Record<string, SearchScenario>> = {
  'search-gang-lets-go': gangLetsGo('search-gang-lets-go', 'job-ending-of-a-gang-that-let-go'),
  /** As before, and the trial is told what the first attempt cost after it was handed over. */
  'search-gang-told-of-costs': gangLetsGo('search-gang-told-of-costs', 'job-ending-that-tells-of-costs'),

  'search-over-two-clusters': async (harness) => {
    const lostAfterSeconds = 5;
    const clusters = {
      east: { kind: 'process', path: '/east', lostAfterSeconds },
      west: { kind: 'process', path: '/west', lostAfterSeconds },
    };
    const pools = Object.keys(clusters).map((name) => ({ name, cluster: name, spot: true, pricePerHour: 1 }));
    harness.world.attempt = async ({ pool }) => {
      if (pool.name === 'east') throw ApplicationFailure.nonRetryable('cluster east does not answer for 5 s', 'ClusterLost');
      return Promise.resolve({});
    };
    const connection = harness.environment.nativeConnection;
    const workers = await Promise.all(
      Object.keys(clusters).map((name) =>
        Worker.create({ connection, taskQueue: `${TASK_QUEUES.training}-${name}`, activities: harness.activities }),
      ),
    );
    const running = workers.map((worker) => worker.run());
    try {
      const search = await harness.search(specOf({ trials: 2 }), profileOf({ clusters, pools }));
      await search.result();
      const workflowId = endingOf(search);
      await harness.client.workflow.getHandle(workflowId).result();
      return [...recorded('search-over-two-clusters', search, 0), { file: 'job-ending-of-a-lost-cluster', workflowId }];
    } finally {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
    }
  },
};

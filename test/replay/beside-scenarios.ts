/** Workflows beside a run: one for each of their types. */
import { Worker } from '@temporalio/worker';
import { createPromotionActivities } from '../../activities/promotions.ts';
import type { TrackerActivities } from '../../activities/trackers.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { INTERNAL_SIGNALS, TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { AskInput, AskResult, Importance, ImportanceInput } from '../../src/contract/sampler.ts';
import { documentOf, query } from '../workflow/documents.ts';
import { until, type Harness } from '../workflow/environment.ts';
import type { MemoryPorts } from '../workflow/memory-ports.ts';
import type { Scenario } from './pipeline-scenarios.ts';

const { profile } = documentOf([]);
const objective = { metric: 'auc', goal: 'maximize' } as const;
const space = { lr: { type: 'double', min: 0.1, max: 1, scale: 'linear' } } as const;

/** What the workers of the other scenarios do without. */
export const besideActivities = (ports: MemoryPorts): object => {
  const model: LedgerRow<'models'> = {
    ...{ pipeline: 'p', run: 'r', time: '2026-01-01T00:00:00.000Z', model: 'm', stage: 'candidate', step: 'evaluate', export: 'file:///m' },
  };
  const withModel: typeof ports = {
    ...ports,
    warehouse: async (of) => ({
      ...(await ports.warehouse(of)),
      ledger: async (table: string): Promise<never[]> => Promise.resolve((table === 'models' ? [model] : []) as never[]),
    }),
  };
  let told = 0;
  const trackers: TrackerActivities = { tellTracker: async () => Promise.resolve({ ended: ++told > 1 }) };
  return { ...createPromotionActivities(withModel), ...trackers };
};

async function sampler({ environment }: Harness): Promise<() => Promise<void>> {
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue: TASK_QUEUES.sampler,
    activities: {
      ask: async ({ count }: AskInput): Promise<AskResult> =>
        Promise.resolve({ suggestions: Array.from({ length: count }, () => ({ lr: 0.3 })), exhausted: false, sampler: 'random' }),
      importance: async ({ trials }: ImportanceInput): Promise<Importance> =>
        Promise.resolve({ evaluator: 'fanova', metric: 'auc', trials: trials.length, parameters: [{ name: 'lr', importance: 1 }] }),
    },
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
  };
}

const played =
  (workflow: (typeof WORKFLOWS)[keyof typeof WORKFLOWS], input: object): Scenario =>
  async (harness) => {
    const workflowId = `${workflow}-alone`;
    const stop = await sampler(harness);
    const handle = await harness.client.workflow.start(workflow, { taskQueue: TASK_QUEUES.control, workflowId, args: [input] });
    await handle.result().catch(() => undefined);
    await stop();
    return [workflowId];
  };

export const BESIDE_SCENARIOS: Readonly<Record<string, Scenario>> = {
  promotion: async ({ client }) => {
    const promote = async (workflowId: string, model: string): Promise<string> => {
      const args = [{ run: 'r', model, profile, payload: { by: 'ada', why: 'better' } }];
      const handle = await client.workflow.start(WORKFLOWS.promotion, { taskQueue: TASK_QUEUES.control, workflowId, args });
      await handle.result().catch(() => undefined);
      return workflowId;
    };
    return [await promote('promotion-of-a-model', 'm'), await promote('promotion-of-no-model', 'z')];
  },

  'scheduled-run': async ({ client }) => {
    const workflowId = 'nightly-2026-11-24T03:00:00Z';
    const args = [documentOf([query('rows')])];
    const handle = await client.workflow.start(WORKFLOWS.scheduledRun, { taskQueue: TASK_QUEUES.control, workflowId, args });
    await handle.result();
    return [workflowId];
  },

  tracker: async ({ client }) => {
    const workflowId = 'tracker-of-a-run';
    const tracker = { kind: 'mlflow', uri: 'http://mlflow' };
    const args = [{ run: 'r', pipeline: 'p', profile, tracker }];
    const handle = await client.workflow.start(WORKFLOWS.tracker, { taskQueue: TASK_QUEUES.control, workflowId, args });
    await until(
      async () => (await handle.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes != null) === true,
      'the wait for news',
    );
    await handle.signal(INTERNAL_SIGNALS.runEnded);
    await handle.result();
    return [workflowId];
  },

  'parameter-importance': played(WORKFLOWS.parameterImportance, { space, objective, trials: [{ parameters: { lr: 0.3 }, value: 0.7 }] }),

  'sampler-suggestions': played(WORKFLOWS.samplerSuggestions, {
    study: 's',
    space,
    sampler: { kind: 'random', seed: 1 },
    objectives: [objective],
    plannedTrials: 1,
    trials: [],
    warm: [],
    count: 1,
  }),
};

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { ReplayWorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WORKFLOWS } from '../../src/contract/names.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';

const FOLDER = join(import.meta.dirname, 'histories');
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));

interface RecordedHistory {
  readonly events: readonly {
    readonly eventType: string;
    readonly workflowExecutionStartedEventAttributes?: {
      readonly workflowId: string;
      readonly workflowType: { readonly name: string };
      readonly originalExecutionRunId: string;
      readonly continuedExecutionRunId?: string;
    };
    readonly workflowExecutionSignaledEventAttributes?: { readonly signalName: string; readonly input?: Payloads };
    readonly activityTaskCompletedEventAttributes?: { readonly result?: Payloads };
  }[];
}
interface Payloads {
  readonly payloads: { readonly metadata: object; data?: string }[];
}
const read = (file: string): RecordedHistory => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as RecordedHistory;
const idOf = (history: RecordedHistory): string => history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? '';

/** The same, with a signal behind that event: the first one, before the workflow's first task, where none is named. */
function told(history: RecordedHistory, signalName: string, what: object, behind = 1): RecordedHistory {
  const later = (key: string, value: unknown): unknown =>
    /eventId$/i.test(key) && Number(value) > behind ? String(Number(value) + 1) : value;
  const { events } = JSON.parse(JSON.stringify(history), later) as RecordedHistory;
  const input = { payloads: [{ metadata: { encoding: base64('json/plain') }, data: base64(what) }] };
  const signal = {
    eventId: String(behind + 1),
    eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED',
    workflowExecutionSignaledEventAttributes: { signalName, input },
  };
  return { events: events.toSpliced(behind, 0, signal) };
}

/** The same, where all signals of that name said more. */
function askedOtherwise(history: RecordedHistory, signalName: string, more: object): RecordedHistory {
  const { events } = JSON.parse(JSON.stringify(history)) as RecordedHistory;
  for (const { workflowExecutionSignaledEventAttributes: signal } of events) {
    const [payload] = signal?.signalName === signalName ? (signal.input?.payloads ?? []) : [];
    if (payload?.data) payload.data = base64({ ...decoded(payload.data), ...more });
  }
  return { events };
}

/** The same, where activities said less. */
function answeredWithout(history: RecordedHistory, field: string): RecordedHistory {
  const { events } = JSON.parse(JSON.stringify(history)) as RecordedHistory;
  for (const { activityTaskCompletedEventAttributes: completed } of events) {
    const [payload] = completed?.result?.payloads ?? [];
    if (payload?.data) payload.data = base64({ ...decoded(payload.data), [field]: undefined });
  }
  return { events };
}

/** One worker for many histories, one after another: a worker of its own takes longer to begin than a history to replay. */
function replayer(options: () => Promise<ReplayWorkerOptions>): { replay(history: RecordedHistory): Promise<void>; stop(): Promise<void> } {
  let history: RecordedHistory | undefined;
  let results: ReturnType<typeof Worker.runReplayHistories> | undefined;
  function* asked(): Generator<{ history: unknown; workflowId: string }> {
    while (history) yield { history, workflowId: idOf(history) };
  }
  return {
    replay: async (next) => {
      history = next;
      results ??= Worker.runReplayHistories(await options(), asked());
      const { done, value } = (await results.next()) as IteratorResult<{ readonly runId: string; readonly error?: Error }, undefined>;
      if (done === true) throw new Error('the worker ended');
      expect(value.runId).toBe(next.events[0]?.workflowExecutionStartedEventAttributes?.originalExecutionRunId);
      if (value.error) throw value.error;
    },
    stop: async () => void (await results?.return?.()),
  };
}

const decoded = (data: string): object => JSON.parse(Buffer.from(data, 'base64').toString()) as object;
const base64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

describe('histories of earlier runs', () => {
  beforeAll(() => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  });
  const present = replayer(async () => ({ workflowBundle: await workflowBundle() }));
  const changed = replayer(() => Promise.resolve({ workflowsPath: join(import.meta.dirname, 'changed-workflow.ts') }));
  afterAll(async () => {
    await Promise.all([present.stop(), changed.stop()]);
  });

  it('are there', () => {
    expect(files.length).toBeGreaterThanOrEqual(10);
  });

  it('are there for every type of workflow', () => {
    const types = files.map((file) => read(file).events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name);
    expect(Object.values(WORKFLOWS).filter((type) => !types.includes(type))).toEqual([]);
  });

  // A history that was overwritten shows nothing any more about the workflows that it was recorded with.
  it.each(files)('%s is as it was recorded', (file) => {
    const sums = readFileSync(join(FOLDER, dirname(file), 'SHA256SUMS'), 'utf8').split('\n');
    const sum = createHash('sha256')
      .update(readFileSync(join(FOLDER, file)))
      .digest('hex');
    expect(sums).toContain(`${sum}  ${basename(file)}`);
  });

  it('are all still there', () => {
    const releases = readdirSync(FOLDER);
    for (const release of releases) {
      const recorded = readFileSync(join(FOLDER, release, 'SHA256SUMS'), 'utf8')
        .trimEnd()
        .split('\n');
      expect(readdirSync(join(FOLDER, release))).toEqual(expect.arrayContaining(recorded.map((line) => line.slice(66))));
    }
  });

  it.each(files)('%s goes the same way again', async (file) => {
    await present.replay(read(file));
  });

  // A client is newer than the workers for a while, or a worker than the others.
  it('go the same way where a run was told of a decision that its workers did not know', async () => {
    await present.replay(told(read('0.2.0/pipeline-retried.json'), 'decided', { decision: 'retry', payload: { by: 'ada' } }));
  });

  it('go the same way where a newer worker told of costs that a trial did not know of', async () => {
    const trial = read('0.2.0/search-gang-lets-go-trial-0.json');
    const secondEnded = trial.events.findLastIndex(({ eventType }) => eventType === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED') + 1;
    await present.replay(told(trial, 'attempt-cost', { cost: 1, onDemandCost: 1, lostCost: 1 }, secondEnded));
  });

  it('go the same way where a newer worker asked a gate for a place that it would not give', async () => {
    await present.replay(askedOtherwise(read('0.1.0/pool-gate.json'), 'acquire', { ofRun: 0 }));
  });

  it('hold searches that continued as new', () => {
    const began = read('0.1.0/search-continued-first.json').events;
    expect(began.at(-1)).toMatchObject({ eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW' });
    const [first] = read('0.1.0/search-continued-last.json').events;
    expect(first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toEqual(expect.stringMatching(/./));
  });

  it('hold a gang whose next attempt began when the first had let go, and go another way where it had not', async () => {
    const waits = answeredWithout(read('0.2.0/search-gang-lets-go-trial-0.json'), 'letGo');
    await expect(present.replay(waits)).rejects.toThrow(/does not handle this event: .*StartChildWorkflowExecutionInitiated/);
  });

  it.each(['pipeline-diamond', 'search-finished', 'search-continued-last', 'search-finished-trial-0'])(
    'betray a workflow that was changed without care: %s',
    async (name) => {
      await expect(changed.replay(read(`0.1.0/${name}.json`))).rejects.toThrow(DeterminismViolationError);
    },
  );
});

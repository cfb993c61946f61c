/** Runs in MLflow's own server: each once, whatever becomes of answers; and a run whose tracker is away. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openMlflow } from '../../src/adapters/mlflow/index.ts';
import { AdapterError } from '../../src/contract/errors.ts';
import type { TrackedRun } from '../../src/contract/trackers.ts';
import { startStack } from '../../src/stack/stack.ts';
import { startMlflow } from '../support/mlflow.ts';
import { runCli } from '../support/run-cli.ts';
import { writeTrackedProject } from '../support/tracked-project.ts';
import { until } from '../workflow/environment.ts';

interface Shown {
  readonly info: { readonly run_id: string; readonly run_name: string; readonly status: string; readonly end_time?: number };
  readonly data: {
    readonly params?: readonly { readonly key: string; readonly value: string }[];
    readonly tags?: readonly { readonly key: string; readonly value: string }[];
    readonly metrics?: readonly { readonly key: string; readonly value: number }[];
  };
}

let folder: string;
let mlflow: Awaited<ReturnType<typeof startMlflow>>;
let front: Server;
let uri: string;
/** What becomes of a request by its path: done and its answer lost, or refused. */
let fault: (path: string) => 'none' | 'lost' | 'refused';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-mlflow-'));
  mlflow = await startMlflow(folder);
  front = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const what = fault(request.url ?? '');
      if (what === 'refused') return void response.writeHead(503).end();
      const body = chunks.length === 0 ? null : Buffer.concat(chunks);
      const answer = await fetch(`${mlflow.url}${request.url ?? ''}`, {
        method: request.method ?? 'GET',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const text = await answer.text();
      if (what === 'lost') return void request.socket.destroy();
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    })();
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  uri = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
});
beforeEach(() => {
  fault = () => 'none';
});
afterAll(async () => {
  front.close();
  front.closeAllConnections();
  await mlflow.stop();
  await rm(folder, { recursive: true, force: true });
});

async function ask<T>(path: string, body: object): Promise<T> {
  const response = await fetch(`${mlflow.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as T;
}
const experimentOf = async (name: string): Promise<string | null> => {
  const response = await fetch(`${mlflow.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=${name}`);
  return response.ok ? ((await response.json()) as { experiment: { experiment_id: string } }).experiment.experiment_id : null;
};
async function shown(experiment: string): Promise<Shown[]> {
  const id = await experimentOf(experiment);
  if (id === null) return [];
  return (await ask<{ runs?: Shown[] }>('runs/search', { experiment_ids: [id], order_by: ['attributes.run_name ASC'] })).runs ?? [];
}
async function history(run: string, metric: string): Promise<[number, number][]> {
  const response = await fetch(`${mlflow.url}/api/2.0/mlflow/metrics/get-history?run_id=${run}&metric_key=${metric}`);
  const { metrics = [] } = (await response.json()) as { metrics?: { step: string | number; value: number }[] };
  return metrics.map(({ step, value }) => [Number(step), value]);
}

const AT = Date.UTC(2026, 10, 1);
const trial = (run: string, points: number, over: boolean): TrackedRun => ({
  key: `${run}/search/0`,
  parent: run,
  name: 'search 0',
  startedAt: AT,
  endedAt: over ? AT + 10_000 : null,
  status: over ? 'finished' : 'running',
  parameters: over ? { lr: '0.5', optimizer: 'adam' } : {},
  tags: { model: 'file:///models/0' },
  whole: true,
  points: Array.from({ length: points }, (_, n) => ({
    n: n + 1,
    step: (n + 1) * 10,
    at: AT + n,
    metrics: [
      { name: 'auc', value: n / points },
      { name: 'loss@1', value: 1 - n / points },
    ],
  })),
  results: over ? [{ name: 'objective', value: 0.75, at: AT + 10_000, step: points * 10 }] : [],
});
const entries = (run: string, points: number, over: boolean): TrackedRun[] => [
  { ...trial(run, 0, over), key: run, parent: null, name: run, parameters: {}, results: [] },
  trial(run, points, over),
];
const never = new AbortController().signal;

describe('MLflow', () => {
  it.each([
    ['no answer is lost', (): 'none' | 'lost' => 'none'],
    ['each kind of answer is lost once', lostOnce()],
  ])('has each run, point and parameter once where %s', async (name, faults) => {
    const experiment = `once-${name.length}`;
    const tracker = openMlflow({ kind: 'mlflow', uri, experiment }, 'pipeline', null);
    fault = faults;
    const told = async (points: number, over: boolean): Promise<void> => {
      await until(
        () =>
          tracker.tell('run-1', entries('run-1', points, over), never).then(
            () => true,
            (error: unknown) => {
              if (error instanceof AdapterError && error.type === 'Unavailable') return false;
              throw error;
            },
          ),
        'the tracker to be told',
      );
    };
    await told(500, false);
    await told(1200, true);
    await told(1200, true);
    const runs = await shown(experiment);
    expect(runs.map(({ info }) => [info.run_name, info.status])).toEqual([
      ['run-1', 'FINISHED'],
      ['search 0', 'FINISHED'],
    ]);
    const [parent, child] = runs as [Shown, Shown];
    const tags = Object.fromEntries((child.data.tags ?? []).map(({ key, value }) => [key, value]));
    expect(tags).toMatchObject({ 'mlflow.parentRunId': parent.info.run_id, model: 'file:///models/0' });
    expect(child.data.params).toEqual(
      expect.arrayContaining([
        { key: 'lr', value: '0.5' },
        { key: 'optimizer', value: 'adam' },
      ]),
    );
    const points = await history(child.info.run_id, 'auc');
    expect(points).toHaveLength(1200);
    expect(new Set(points.map(([step]) => step)).size).toBe(1200);
    expect(await history(child.info.run_id, 'loss_1')).toHaveLength(1200);
    expect(await history(child.info.run_id, 'objective')).toEqual([[12_000, 0.75]]);
  });

  it('goes on with the newest part of a curve, asks for the rest where some is missing, and for the end where no step is known', async () => {
    const tracker = openMlflow({ kind: 'mlflow', uri }, 'parts', null);
    const [parent, child] = entries('run-3', 30, false) as [TrackedRun, TrackedRun];
    const tell = (from: number, to: number, more: Partial<TrackedRun> = {}): Promise<boolean> =>
      tracker.tell('run-3', [parent, { ...child, whole: false, points: child.points.slice(from, to), ...more }], never);
    const auc = async (): Promise<number> => (await history((await shown('parts'))[1]!.info.run_id, 'auc')).length;
    expect([await tell(0, 10), await tell(5, 20), await auc()]).toEqual([true, true, 20]);
    expect([await tell(22, 30), await auc()]).toEqual([false, 20]);
    expect([await tell(0, 30, { whole: true }), await auc()]).toEqual([true, 30]);
    const results = [{ name: 'score', value: 1, at: AT, step: 0 }];
    expect(await tell(30, 30, { results })).toBe(false);
    expect(await tell(0, 30, { whole: true, results: results.map((each) => ({ ...each, step: 300 })) })).toBe(true);
    expect(await tell(30, 30, { results }), 'nothing is new').toBe(true);
  });

  it('lets a run that somebody deleted there be gone', async () => {
    const tracker = openMlflow({ kind: 'mlflow', uri }, 'deleted', null);
    await tracker.tell('run-2', entries('run-2', 3, false), never);
    for (const { info } of await shown('deleted')) await ask('runs/delete', { run_id: info.run_id });
    await tracker.tell('run-2', entries('run-2', 4, true), never);
    expect(await shown('deleted')).toEqual([]);
  });
});

/** Each path fails the first time, after it was done. */
function lostOnce(): (path: string) => 'none' | 'lost' {
  const seen = new Set<string>();
  return (url) => {
    const path = url.replace(/\?.*/, '');
    if (seen.has(path)) return 'none';
    seen.add(path);
    return 'lost';
  };
}

describe('a profile with a tracker', () => {
  it('shows a run of a trainer that knows nothing of it, and keeps none from ending while the tracker is away', async () => {
    const project = join(folder, 'project');
    await writeTrackedProject(project, `{ kind: mlflow, uri: "${uri}" }`);
    const stack = await startStack({ directory: project });
    try {
      await stack.ready;
      fault = () => 'refused';
      const ran = await runCli(['run', 'pipeline.yaml', '--profile', 'tracked', '--run-id', 'away', '--output', 'json'], { cwd: project });
      expect(ran.code, ran.stderr).toBe(0);
      expect(await shown('tracked')).toEqual([]);
      fault = () => 'none';
      await until(async () => (await shown('tracked')).some(({ info }) => info.run_name === 'away' && info.status === 'FINISHED'), 'MLflow to hear of the run'); // prettier-ignore
      await until(async () => (await shown('tracked')).filter(({ info }) => info.status === 'FINISHED').length === 3, 'its trials');
      const trials = (await shown('tracked')).filter(({ info }) => info.run_name !== 'away');
      for (const { info, data } of trials) {
        expect(data.params?.map(({ key }) => key)).toEqual(['lr']);
        expect((await history(info.run_id, 'score')).map(([, value]) => value)).toEqual(expect.arrayContaining([1, 2, 3]));
        expect(data.tags?.find(({ key }) => key === 'model')?.value).toMatch(/^file:/);
      }
    } finally {
      await stack.stop();
    }
  });
});

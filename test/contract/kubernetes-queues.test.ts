/** Attempts in a queue like Kueue's, beside sidecars, on lost nodes and after nights without workers: activities on a stand-in for a cluster. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import type { StepJobEnd, StepJobInput } from '../../activities/step-job-contract.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { KubernetesComputeOptions } from '../../src/adapters/kubernetes/index.ts';
import { playFaster } from '../../src/rules/durations.ts';
import type { JobStatus } from '../../src/ports/compute.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import type { AttemptInput, AttemptReport } from '../../src/contract/attempts.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../../src/ports/index.ts';
import { attemptInput } from '../support/attempt-input.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { StandIn } from '../support/kubernetes/server.ts';
import { stepInput } from '../support/step-input.ts';

const TRAINS = `trap 'exit 143' TERM; while ! test -e $FINISH; do sleep 0.02; done; exit 3`;
const POLITE = 'trap exit TERM; sleep 600 & wait';
const logger = new DefaultLogger('ERROR', () => undefined);

let folder: string;
let store: ObjectStore;
let standIn: StandIn;
let compute: Compute;
let ports: Ports;

async function begin(changes: object = {}, options: KubernetesComputeOptions = {}): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-queues-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  standIn = await startStandIn({ podEndMs: 20, changes: { graceSeconds: 1, ...changes } });
  compute = await openKubernetesCompute(standIn.config, options);
  const warehouse = { append: () => Promise.resolve(), ledger: () => Promise.resolve([]) } as unknown as Warehouse;
  ports = { store: () => Promise.resolve(store), compute: () => Promise.resolve(compute), warehouse: () => Promise.resolve(warehouse) };
}
afterEach(async () => {
  await compute.close();
  await standIn.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

const attempt = async (number: number, change: Partial<AttemptInput> = {}): Promise<AttemptInput> => ({
  ...(await attemptInput(store, {
    profile: { compute: standIn.config },
    spec: { command: ['sh', '-c', TRAINS], env: { FINISH: `${folder}/finish` } },
  })),
  attempt: number,
  ...change,
});
const run = (input: AttemptInput): { environment: MockActivityEnvironment; report: Promise<AttemptReport> } => {
  const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
  const act = () => createTrainingActivities(ports).runAttempt(input);
  const report = environment.run<[], AttemptReport, typeof act>(act);
  report.catch(() => undefined);
  return { environment, report };
};
const stop = (environment: MockActivityEnvironment): void => {
  environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
};
const jobs = (): string[] => standIn.objects.list('jobs').map(({ metadata }) => metadata.name.replace(/^.*-/, ''));
const pods = (): string[] => standIn.objects.list('pods').map(({ metadata }) => metadata.name);
const runningPods = (): string[] =>
  standIn.objects
    .list('pods')
    .filter(({ status }) => status['phase'] === 'Running')
    .map(({ metadata }) => metadata.name.replace(/^.*-(a\d+)-\d+$/, '$1'));
const isWatched = (): boolean =>
  ['WATCH pods', 'WATCH jobs', 'WATCH nodes'].every((each) => standIn.asked.some(({ what }) => what === each));
const eventually = (look: () => unknown) => expect.poll(look, { interval: 5 });

describe('in a queue', () => {
  beforeEach(() => begin({ queue: 'team-a' }));

  it('a Job keeps its place, however impatient the profile is with machines', async () => {
    const queue = standIn.queue(0);
    const { environment, report } = run(await attempt(1, { noCapacitySeconds: 1 }));
    await eventually(jobs).toEqual(['a1']);
    const [first] = standIn.objects.list('jobs');
    // Long past the machine's patience, by the clock that its patience is counted by.
    standIn.objects.change('jobs', first?.metadata.name ?? '', ({ metadata }) => (metadata.creationTimestamp = '2026-01-01T00:00:00Z'));
    queue.places = 1;
    await eventually(runningPods).toEqual(['a1']);
    expect(standIn.objects.list('jobs')[0]?.metadata.uid).toBe(first?.metadata.uid);
    stop(environment);
    expect(await report).toMatchObject({ verdict: 'stopped' });
  });

  it('a Job that is taken back is gone before another attempt exists, and takes its place no second time', async () => {
    const queue = standIn.queue(1);
    const first = run(await attempt(1));
    await eventually(runningPods).toEqual(['a1']);
    await eventually(isWatched).toBe(true);
    const [name = ''] = queue.admitted;
    queue.preempt(name);
    expect(await first.report).toMatchObject({ verdict: 'preempted', cause: 'JobSuspended on node-1' });
    expect([jobs(), runningPods()]).toEqual([[], []]);
    const second = run(await attempt(2));
    await eventually(jobs).toEqual(['a2']);
    queue.places = 1;
    await eventually(runningPods).toEqual(['a2']);
    expect(queue.admitted.map((each) => each.replace(/^.*-/, ''))).toEqual(['a1', 'a2']);
    stop(second.environment);
    await second.report;
    expect(runningPods()).toEqual([]);
  });

  it('a Job that is taken back before its pod began keeps its place, and is the same attempt when it is admitted again', async () => {
    const queue = standIn.queue(1);
    standIn.controllers.closedPools.add('spot');
    const input = await attempt(1);
    const { environment, report } = run({ ...input, pool: { ...input.pool, nodeSelector: { pool: 'spot' } } });
    await eventually(pods).toHaveLength(1);
    await eventually(isWatched).toBe(true);
    const [before] = pods();
    queue.preempt(queue.admitted[0] ?? '');
    await eventually(pods).toEqual([]);
    queue.places = 1;
    await eventually(pods).toHaveLength(1);
    expect(pods()).not.toEqual([before]);
    standIn.controllers.open('spot');
    await eventually(runningPods).toEqual(['a1']);
    expect(queue.admitted.map((each) => each.replace(/^.*-/, ''))).toEqual(['a1', 'a1']);
    stop(environment);
    expect(await report).toMatchObject({ verdict: 'stopped', node: 'node-1' });
  });

  it('an attempt says which flavor was chosen for it, also when it is taken back', async () => {
    const queue = standIn.queue(1);
    queue.flavor = 'spot';
    const first = run(await attempt(1));
    await eventually(runningPods).toEqual(['a1']);
    await eventually(isWatched).toBe(true);
    queue.flavor = 'on-demand';
    queue.preempt(queue.admitted[0] ?? '');
    expect(await first.report).toMatchObject({ verdict: 'preempted', flavor: 'spot' });
    const second = run(await attempt(2));
    await eventually(jobs).toEqual(['a2']);
    queue.places = 1;
    await eventually(runningPods).toEqual(['a2']);
    await store.write(`${store.root}/finish`, '');
    expect(await second.report).toMatchObject({ exitCode: 3, flavor: 'on-demand' });
  });

  it('an attempt ends as it would without one where nobody may read what was chosen', async () => {
    standIn.queue(1).flavor = 'spot';
    standIn.fault = ({ what }) => (what === 'LIST workloads' ? 403 : null);
    const { report } = run(await attempt(1));
    await eventually(runningPods).toEqual(['a1']);
    await store.write(`${store.root}/finish`, '');
    const seen = await report;
    expect(seen).toMatchObject({ exitCode: 3, node: 'node-1' });
    expect(seen).not.toHaveProperty('flavor');
    expect(standIn.asked.filter(({ what }) => what === 'LIST workloads')).toHaveLength(1);
  });

  it('a queue that keeps no Workloads is asked for them once, and not for each Job', async () => {
    standIn.queue(2);
    standIn.fault = ({ what }) => (what === 'LIST workloads' ? 404 : null);
    const attempts = [run(await attempt(1)), run(await attempt(2))];
    await eventually(() => runningPods().sort()).toEqual(['a1', 'a2']);
    await store.write(`${store.root}/finish`, '');
    for (const { report } of attempts) expect(await report).toMatchObject({ exitCode: 3 });
    const third = await run(await attempt(3)).report;
    expect(third).not.toHaveProperty('flavor');
    // In two versions; the second attempt may have asked before the first had its answer.
    expect(standIn.asked.filter(({ what }) => what === 'LIST workloads').length).toBeLessThanOrEqual(4);
  });

  it('what was chosen is asked for again after an answer that did not come', async () => {
    standIn.queue(1).flavor = 'spot';
    let refusals = 0;
    standIn.fault = ({ what }) => (what === 'LIST workloads' && refusals++ === 0 ? 'reset' : null);
    const { report } = run(await attempt(1));
    await eventually(runningPods).toEqual(['a1']);
    await store.write(`${store.root}/finish`, '');
    expect(await report).toMatchObject({ flavor: 'spot' });
  });

  describe('what waits', () => {
    const played = 50;
    beforeEach(() => playFaster(played));
    afterEach(() => playFaster());
    const lists = (): number => standIn.asked.filter(({ what }) => what === 'LIST workloads').length;
    const words = (...names: readonly string[]): { readonly said: Map<string, JobStatus>; readonly leave: () => Promise<void> } => {
      const leaving = new AbortController();
      const said = new Map<string, JobStatus>();
      const watches = names.map((name) =>
        compute
          .watch(name, { signal: leaving.signal, noCapacitySeconds: 600, onStatus: (status) => said.set(name, status) })
          .catch(() => undefined),
      );
      const leave = async (): Promise<void> => {
        leaving.abort();
        await Promise.all(watches);
      };
      return { said, leave };
    };
    const job = (name: string): JobSpec =>
      ({
        name,
        image: 'image',
        command: ['sh', '-c', POLITE],
        env: {},
        resources: { cpu: 1, memoryMb: 64, gpu: 0 },
        pool: { name: 'spot', spot: true, pricePerHour: 1, nodeSelector: {}, tolerations: [] },
        labels: { run: name },
        graceSeconds: 1,
      }) as unknown as JobSpec;
    const made = async (count: number): Promise<string[]> => {
      const names = Array.from({ length: count }, (_, number) => `waits-${number}`);
      for (const name of names) await compute.create(job(name));
      return names;
    };
    const said =
      "waiting in queue team-a: couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor any, 1 more needed";

    it('is told with what Kueue says of it and since when, with one list for all, in pages', async () => {
      const queue = standIn.queue(0);
      standIn.pageSize = 2;
      const names = await made(5);
      const { said: heard, leave } = words(...names);
      for (const name of names) await eventually(() => heard.get(name)?.message).toBe(said);
      expect(heard.get('waits-0')?.waitingSince).toBe(Date.parse(standIn.objects.get('jobs', 'waits-0')?.metadata.creationTimestamp ?? ''));
      const asked = standIn.asked.filter(({ what }) => what === 'LIST workloads');
      // Three pages a look; the first of them finds the version.
      expect(asked.every(({ query }) => !query.includes('job-uid'))).toBe(true);
      expect(asked.length % 3).toBe(0);
      queue.shortage = 'insufficient quota for memory';
      queue.places = 0;
      await eventually(() => heard.get('waits-4')?.message).toMatch(/insufficient quota for memory/);
      await leave();
    });

    it('says nothing of Kueue where there is none, and asks no more', async () => {
      const queue = standIn.queue(0);
      standIn.fault = ({ what }) => (what === 'LIST workloads' ? 404 : null);
      const { said: heard, leave } = words(...(await made(3)));
      await eventually(lists).toBe(2);
      expect(heard.get('waits-0')?.message).toBe('waiting in queue team-a');
      queue.places = 3;
      for (const name of heard.keys()) await eventually(() => heard.get(name)?.phase).toBe('running');
      expect(lists()).toBe(2);
      await leave();
    });

    it('keeps what was said while Kueue cannot be asked', async () => {
      standIn.queue(0);
      const { said: heard, leave } = words(...(await made(1)));
      await eventually(() => heard.get('waits-0')?.message).toBe(said);
      standIn.fault = ({ what }) => (what === 'LIST workloads' ? 500 : null);
      const before = lists();
      await eventually(lists).toBeGreaterThan(before + 1);
      expect(heard.get('waits-0')?.message).toBe(said);
      await leave();
    });

    it('is told of the admission check that it waits for when its quota is reserved', async () => {
      standIn.queue(0);
      const { said: heard, leave } = words(...(await made(1)));
      await eventually(() => standIn.objects.get('workloads', 'waits-0')).toBeDefined();
      standIn.objects.change('workloads', 'waits-0', ({ status }) => {
        status['conditions'] = [{ type: 'QuotaReserved', status: 'True' }];
        status['admissionChecks'] = [
          { name: 'other', state: 'Ready', message: '' },
          { name: 'flex-start', state: 'Pending', message: 'ETA: 14:05' },
        ];
      });
      await eventually(() => heard.get('waits-0')?.message).toBe('waiting in queue team-a: flex-start: ETA: 14:05');
      await leave();
    });
  });

  it('a Job that waits is removed when nobody wants it any more', async () => {
    standIn.queue(0);
    const { environment, report } = run(await attempt(1));
    await eventually(isWatched).toBe(true);
    stop(environment);
    expect(await report).toMatchObject({ verdict: 'stopped', startedAt: null });
    expect(jobs()).toEqual([]);
  });
});

it('a queue may have a limit of its own, which counts as no capacity', async () => {
  await begin({ queue: 'team-a', queueSeconds: 1 });
  const { report } = run(await attempt(1, { noCapacitySeconds: 60 }));
  const cause = 'waiting in queue team-a; it waited longer than 1 s';
  expect(await report).toMatchObject({ verdict: 'no-capacity', cause });
  expect(jobs()).toEqual([]);
});

describe('beside a container that does not end', () => {
  beforeEach(() => begin({ podTemplate: { spec: { containers: [{ name: 'mesh', image: 'mesh' }] } } }));

  it('an attempt ends with its main container, and so does the rest of its pod, with the log kept', async () => {
    const input = await attempt(1);
    input.trial.spec.command?.splice(2, 1, 'echo last words; exit 3');
    const { report } = run(input);
    expect(await report).toMatchObject({ verdict: 'crashed', cause: 'exit code 3 on node-1', exitCode: 3, logTail: 'last words\n' });
    await eventually(runningPods).toEqual([]);
    expect(jobs()).toEqual(['a1']);
  });
});

describe('on a machine that is lost', () => {
  beforeEach(() => begin());
  const silence = (...nodes: string[]): void => {
    for (const name of nodes)
      standIn.objects.change('nodes', name, ({ status }) => (status['conditions'] = [{ type: 'Ready', status: 'Unknown' }]));
  };

  it('an attempt costs a request to be removed, and no more', async () => {
    for (const name of ['node-2', 'node-3'])
      standIn.objects.add('nodes', { metadata: { name }, spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    const { report } = run(await attempt(1));
    await eventually(runningPods).toEqual(['a1']);
    await eventually(isWatched).toBe(true);
    // Its kubelet does not answer: the pod stays as it is.
    const deletes = standIn.controllers.deleteJob.bind(standIn.controllers);
    standIn.controllers.deleteJob = (name) =>
      void standIn.objects.change('jobs', name, ({ metadata }) => (metadata.deletionTimestamp = 'now'));
    silence('node-1');
    expect(await report).toMatchObject({ verdict: 'preempted' });
    const [job] = standIn.objects.list('jobs');
    const name = job?.metadata.name ?? 'no Job';
    expect(job?.metadata.deletionTimestamp).toBe('now');
    // Another attempt lives its whole life, and nobody looks after the first any more.
    const next = await attempt(2);
    next.trial.spec.command?.splice(2, 1, 'sleep 0.3; exit 3');
    expect(await run(next).report).toMatchObject({ exitCode: 3 });
    const ofFirst = standIn.asked.filter(({ path, query }) => `${path}${query}`.includes(name)).map(({ what }) => what);
    expect(ofFirst.slice(ofFirst.indexOf('DELETE jobs'))).toEqual(['DELETE jobs']);
    standIn.controllers.deleteJob = deletes;
    deletes(name, false);
  });

  it('an attempt goes on when all machines fall silent at once and come back', async () => {
    standIn.objects.add('nodes', { metadata: { name: 'node-0' }, spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    const { environment, report } = run(await attempt(1));
    await eventually(runningPods).toEqual(['a1']);
    await eventually(isWatched).toBe(true);
    silence('node-0', 'node-1');
    for (const name of ['node-1', 'node-0'])
      standIn.objects.change('nodes', name, ({ status }) => (status['conditions'] = [{ type: 'Ready', status: 'True' }]));
    standIn.objects.change(
      'jobs',
      standIn.objects.list('jobs')[0]?.metadata.name ?? '',
      ({ metadata }) => (metadata.labels = { ...metadata.labels, seen: 'yes' }),
    );
    stop(environment);
    expect(await report).toMatchObject({ verdict: 'stopped', exitCode: 143 });
  });
});

describe('after a night without workers', () => {
  const EFFECT = 'echo done >> $EFFECTS';
  const step = (kind: 'container' | 'script', outputs: object = {}): StepJobInput =>
    stepInput(store, standIn.config, {
      ...{ kind, language: 'python', file: 'x.py', source: '', requirements: [], command: ['sh', '-c', EFFECT] },
      ...{ env: { EFFECTS: `${folder}/effects` }, outputs },
    });
  const runStep = (input: StepJobInput, tries: number): Promise<StepJobEnd> => {
    const act = () => createStepJobActivities(ports).runStepJob(input);
    return new MockActivityEnvironment({ attempt: tries, heartbeatTimeoutMs: 1000 }, { logger }).run<[], StepJobEnd, typeof act>(act);
  };
  const effects = async (): Promise<string> => new TextDecoder().decode((await store.read(`${store.root}/effects`))?.data);

  it('a step whose Job ended and was removed meanwhile has its effect once, and says that its end is not known', async () => {
    await begin({ ttlSecondsAfterFinished: 0 });
    expect(await runStep(step('container'), 1)).toMatchObject({ verdict: 'succeeded' });
    // What its worker saw, nobody heard of; Kubernetes removed the Job since.
    standIn.controllers.deleteJob(jobNames()[0] ?? '', false);
    await eventually(jobNames).toEqual([]);
    const again = await runStep(step('container'), 2);
    expect(again).toMatchObject({
      verdict: 'crashed',
      cause: expect.stringMatching(/how it ended is not known.*ttlAfterFinished/) as string,
    });
    expect(await effects()).toBe('done\n');
  });

  it('a script that wrote its outputs has succeeded', async () => {
    await begin({ ttlSecondsAfterFinished: 0 });
    const input = step('script', { rows: 'int' });
    await runStep({ ...input, spec: { ...input.spec, outputs: {} } }, 1);
    standIn.controllers.deleteJob(jobNames()[0] ?? '', false);
    await store.write(`${store.root}/prepare/outputs-1.json`, '{"rows": 7}');
    await eventually(jobNames).toEqual([]);
    expect(await runStep(input, 2)).toMatchObject({ verdict: 'succeeded', outputs: { rows: 7 } });
  });

  it('a step is done where its Job was never made, or was removed before it could have been by its age', async () => {
    await begin({ ttlSecondsAfterFinished: 3600 });
    expect(await runStep(step('container'), 1)).toMatchObject({ verdict: 'succeeded' });
    standIn.controllers.deleteJob(jobNames()[0] ?? '', false);
    await eventually(jobNames).toEqual([]);
    expect(await runStep(step('container'), 2)).toMatchObject({ verdict: 'succeeded' });
    expect(await effects()).toBe('done\ndone\n');
  });

  const jobNames = (): string[] => standIn.objects.list('jobs').map(({ metadata }) => metadata.name);
});

/** One size: so many trials start at once, train for a while, lose three in ten machines at once, and end at once. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { trialWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { TrialInput } from '../../src/contract/trial-run.ts';
import type { trial } from '../../workflows/index.ts';
import { percentile } from '../recovery/statistics.ts';
import type { SimulatedMachines } from './simulated-machines.ts';
import type { MeasuredWorker } from './workers.ts';

const PREEMPTED_SHARE = 0.3;
const STEADY_MS = 20_000;
/** So many starts under way at once, as a search has. */
const STARTS = 25;
const POLL_MS = 50;
const PATIENCE_MS = 600_000;

export interface Scene {
  readonly client: Client;
  readonly kube: KubeClient;
  readonly machines: SimulatedMachines;
  readonly control: MeasuredWorker;
  readonly training: MeasuredWorker;
  readonly inputOf: (run: string, trial: number) => TrialInput;
  /** CPU seconds a second of both workers without any trial. */
  readonly idleCpu: number;
}

export interface Round {
  readonly trials: number;
  readonly launchSeconds: number;
  readonly finishSeconds: number;
  readonly stormP50Seconds: number;
  readonly stormP99Seconds: number;
  readonly apiRequestsPerSecond: number;
  readonly apiRequestsPerTrial: number;
  readonly steadyApiRequestsPerSecond: number;
  readonly loopLagP99Ms: number;
  /** CPU of control and training worker, beyond what they use without trials. */
  readonly cpuSecondsPerTrial: number;
}

export async function playRound(scene: Scene, run: string, trials: number): Promise<Round> {
  const { machines, control, training } = scene;
  const requests = async (): Promise<number> => (await training.ask()).requests;
  training.resetLoopLag();
  const before = { at: Date.now(), cpu: control.cpuSeconds() + training.cpuSeconds(), requests: await requests() };
  const handles = await startAll(scene, run, trials);
  await until(() => machines.running.length === trials, `${trials} trials run`);
  const launched = Date.now();

  const quiet = await requests();
  await delay(STEADY_MS);
  const steady = (await requests()) - quiet;

  const recoveries = await storm(scene, Math.max(1, Math.round(trials * PREEMPTED_SHARE)));

  const ending = Date.now();
  machines.finish();
  const summaries = await Promise.all(handles.map((handle) => handle.result()));
  const ended = Date.now();
  const failed = summaries.find(({ status }) => status !== 'succeeded');
  if (failed) throw new Error(`trial ${failed.trial} ended as ${failed.status}: ${failed.reason}`);
  if (machines.faults.length > 0) throw new Error(`the simulation failed: ${machines.faults.slice(0, 3).join('; ')}`);

  const seconds = (ended - before.at) / 1000;
  const made = (await requests()) - before.requests;
  const cpu = control.cpuSeconds() + training.cpuSeconds() - before.cpu - scene.idleCpu * seconds;
  return {
    trials,
    launchSeconds: (launched - before.at) / 1000,
    finishSeconds: (ended - ending) / 1000,
    stormP50Seconds: percentile(recoveries, 0.5),
    stormP99Seconds: percentile(recoveries, 0.99),
    apiRequestsPerSecond: made / seconds,
    apiRequestsPerTrial: made / trials,
    steadyApiRequestsPerSecond: steady / (STEADY_MS / 1000),
    loopLagP99Ms: (await training.ask()).loopLagP99Ms,
    cpuSecondsPerTrial: cpu / trials,
  };
}

async function startAll(scene: Scene, run: string, trials: number): Promise<WorkflowHandle<typeof trial>[]> {
  const handles: WorkflowHandle<typeof trial>[] = [];
  let next = 0;
  const starter = async (): Promise<void> => {
    for (let number = next++; number < trials; number = next++) {
      handles[number] = await scene.client.workflow.start<typeof trial>(WORKFLOWS.trial, {
        taskQueue: TASK_QUEUES.control,
        workflowId: trialWorkflowId(run, 'search', number),
        args: [scene.inputOf(run, number)],
      });
    }
  };
  await Promise.all(Array.from({ length: STARTS }, starter));
  return handles;
}

/** Seconds from the storm's beginning until the next attempt of each preempted trial runs. */
async function storm({ kube, machines }: Scene, preempted: number): Promise<number[]> {
  const hit = [...machines.running].sort((a, b) => (a.pod < b.pod ? -1 : 1)).slice(0, preempted);
  const at = Date.now();
  await Promise.all(hit.map(({ pod }) => evict(kube, pod)));
  const again = (): number[] => machines.running.filter(({ attempt }) => attempt === 2).map(({ since }) => (since - at) / 1000);
  await until(() => again().length === preempted, 'all preempted trials run again');
  return again();
}

const evict = (kube: KubeClient, name: string): Promise<unknown> =>
  kube.request('POST', `${kube.podsPath(name)}/eviction`, {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: kube.namespace } },
    timeoutMs: 60_000,
  });

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain until ${what}`);
    await delay(POLL_MS);
  }
}

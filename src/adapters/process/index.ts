import { join, isAbsolute } from 'node:path';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AdapterError } from '../../contract/errors.ts';
import { isSameJob } from '../../contract/jobs.ts';
import type { JobSpec } from '../../contract/jobs.ts';
import type { Compute as ComputeConfig } from '../../contract/profile.ts';
import type { Compute, JobInfo } from '../../ports/compute.ts';
import { isAlive, killGroup, signalProcess } from './identity.ts';
import { JobDirectory, jobNames, sweepJobDirectories } from './job-directory.ts';
import { launchOf, redactorOf, startSupervisor } from './launch.ts';
import { readLines } from './log.ts';
import { Ticker } from './ticker.ts';
import { watchJob } from './watch.ts';
import { GRACES } from '../../rules/durations.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Jobs as processes of this machine. Each has a directory and a supervisor process that outlives the worker; any worker that opens the same
 * directory finds, watches and ends it. `image` is not used: the command runs in the machine's own environment, `python` being Longhaul's.
 *
 * A file `{path}/.closed-pools/{pool}` keeps Jobs of that pool waiting, as a cloud without such machines would; its content is the reason shown.
 */
export async function openProcessCompute(config: Extract<ComputeConfig, { kind: 'process' }>): Promise<Compute> {
  if (!existsSync('/proc/self/stat'))
    throw new AdapterError(
      'InvalidInput',
      'compute.kind "process" needs Linux with /proc; use a Linux machine or container, or compute.kind "kubernetes"',
    );
  if (!isAbsolute(config.path)) throw new AdapterError('InvalidInput', `compute.path: expected an absolute path, found "${config.path}"`);
  const root = config.path;
  await sweepJobDirectories(root);
  const ticker = new Ticker();
  const directoryOf = (name: string): JobDirectory => {
    if (!NAME.test(name))
      throw new AdapterError('InvalidInput', `Job name "${name}": expected at most 63 lower-case letters, digits and dashes between them`);
    return new JobDirectory(root, name);
  };

  return {
    async create(job) {
      if (job.command.length === 0) throw new AdapterError('InvalidInput', `Job ${job.name}: expected a command, found none`);
      const former = await findFormer(job, directoryOf);
      const directory = former ?? directoryOf(job.name);
      const created = !former && (await directory.create(job, (work) => launchOf(job, join(root, '.closed-pools', job.pool.name), work)));
      const existing = created ? job.labels : await labelsIn(directory);
      if (existing && !isSameJob(existing, job.labels))
        throw new AdapterError(
          'InvalidInput',
          `Job ${job.name} belongs to run ${existing.run}, step ${existing.step}; remove it, or give the run another name`,
        );
      await ensureSupervised(directory);
      return { adopted: !created, name: directory.name };
    },

    async watch(name, options) {
      options.signal.throwIfAborted();
      const directory = directoryOf(name);
      await ensureSupervised(directory);
      const end = await watchJob(directory, ticker, options);
      return { ...end, logTail: redactorOf(await directory.launch())(end.logTail) };
    },

    async terminate(name) {
      const directory = directoryOf(name);
      if (directory.has('exit.json') || !(await directory.requestTermination())) return;
      const supervisor = await directory.supervisor();
      if (supervisor) signalProcess(supervisor, 'SIGTERM');
    },

    /** A process of this machine is killed when its grace is over: there is nothing else to wait for. */
    async remove(name) {
      const directory = directoryOf(name);
      await endAndWait(directory);
      await directory.remove();
    },

    async *logs(name, options = {}) {
      const directory = directoryOf(name);
      const ended = (): boolean => directory.has('exit.json') || !directory.has('spec.json');
      let supervisorLost = false;
      const { follow } = options;
      const timer = follow
        ? setInterval(
            () =>
              void lost(directory).then(
                (is) => (supervisorLost = is),
                () => undefined,
              ),
            GRACES.processProgressMs,
          )
        : undefined;
      try {
        let before = options.after?.lines ?? 0;
        const hide = redactorOf(await directory.launch());
        for await (const line of readLines(directory.logOf(options.rank ?? 0), {
          ...options,
          ended: follow ? () => supervisorLost || ended() : undefined,
        }))
          if (before-- <= 0) yield options.stamped ? `${new Date().toISOString()} ${hide(line)}` : hide(line);
      } finally {
        clearInterval(timer);
      }
    },

    async list(labels = {}) {
      const jobs: JobInfo[] = [];
      for (const name of await jobNames(root)) {
        const directory = new JobDirectory(root, name);
        const text = await directory.specText();
        if (text === null) continue;
        const job = JSON.parse(text) as JobSpec;
        const own: Readonly<Record<string, string | undefined>> = job.labels;
        if (Object.entries(labels).some(([label, value]) => own[label] !== value)) continue;
        jobs.push({ name, labels: job.labels, phase: await phaseOf(directory) });
      }
      return jobs;
    },

    close() {
      ticker.close();
      return Promise.resolve();
    },
  };
}

async function labelsIn(directory: JobDirectory): Promise<JobSpec['labels'] | null> {
  const text = await directory.specText();
  return text === null ? null : (JSON.parse(text) as JobSpec).labels;
}

/** A Job that an earlier release made, by the name that it gave. */
async function findFormer(job: JobSpec, directoryOf: (name: string) => JobDirectory): Promise<JobDirectory | null> {
  for (const name of (job.formerNames ?? []).filter((each) => NAME.test(each))) {
    const directory = directoryOf(name);
    const labels = await labelsIn(directory);
    if (labels && isSameJob(labels, job.labels)) return directory;
  }
  return null;
}

/** A creator may have died between making the Job and starting it. */
async function ensureSupervised(directory: JobDirectory): Promise<void> {
  if (directory.has('spec.json') && !directory.has('supervisor.json')) await startSupervisor(directory);
}

async function lost(directory: JobDirectory): Promise<boolean> {
  const supervisor = await directory.supervisor();
  return supervisor !== null && !isAlive(supervisor);
}

async function phaseOf(directory: JobDirectory): Promise<JobInfo['phase']> {
  if (directory.has('exit.json') || (await lost(directory))) return 'ended';
  return directory.has('started.json') ? 'running' : 'pending';
}

/** SIGTERM, the Job's grace, then the supervisor kills it; resolves when no process of it is left. */
async function endAndWait(directory: JobDirectory): Promise<void> {
  const launch = await directory.launch();
  if (!launch || !(await directory.requestTermination()) || (await directory.claimForNobody())) return;
  const supervisor = await directory.supervisor();
  if (supervisor) {
    signalProcess(supervisor, 'SIGTERM');
    const patientUntil = performance.now() + (launch.graceSeconds + GRACES.processRemovalSeconds) * 1000;
    while (isAlive(supervisor)) {
      if (performance.now() > patientUntil) signalProcess(supervisor, 'SIGKILL');
      await delay(GRACES.processRemovalLookMs);
    }
  }
  const started = await directory.started();
  while (started && killGroup(started) > 0) await delay(GRACES.processRemovalLookMs);
}

/** A cluster of a test: its Jobs go on while its API server is away, as real ones do. */
import { AdapterError } from '../../src/contract/errors.ts';
import { UNKNOWN_END } from '../../src/contract/jobs.ts';
import type { JobEnd, JobSpec } from '../../src/contract/jobs.ts';
import type { Compute, JobStatus } from '../../src/ports/compute.ts';

interface RunningJob {
  readonly spec: JobSpec;
  readonly startedAt: number;
  end: JobEnd | null;
  readonly asked: AbortController;
}

export interface FakeCluster {
  readonly compute: Compute;
  /** Its API server answers nobody. */
  isDown: boolean;
  hasMachines: boolean;
  /** Names of all Jobs that were made, and of those that still run. */
  readonly made: string[];
  readonly running: () => string[];
}

/** @param program what a Job does: resolves with its exit code; `sigterm` aborts when it is asked to end */
export function fakeCluster(name: string, program: (job: JobSpec, sigterm: AbortSignal) => Promise<number>): FakeCluster {
  const jobs = new Map<string, RunningJob>();
  const listeners = new Set<() => void>();
  const tell = (): void => listeners.forEach((listener) => listener());
  const whenUp = <T>(act: () => T): Promise<T> =>
    cluster.isDown ? Promise.reject(new AdapterError('Unavailable', `connect ECONNREFUSED ${name}`)) : Promise.resolve(act());
  const endOf = (job: RunningJob, exitCode: number): JobEnd => ({
    ...UNKNOWN_END,
    state: exitCode === 0 ? 'succeeded' : 'failed',
    exitCode,
    node: `${name}-node`,
    startedAt: job.startedAt,
    endedAt: Date.now(),
  });
  const statusOf = ({ end, startedAt }: RunningJob): JobStatus => ({
    phase: end ? 'ended' : 'running',
    message: null,
    node: `${name}-node`,
    startedAt,
  });
  const compute: Compute = {
    create: (spec) =>
      whenUp(() => {
        const adopted = jobs.has(spec.name);
        if (!adopted) {
          cluster.made.push(spec.name);
          const job: RunningJob = { spec, startedAt: Date.now(), end: null, asked: new AbortController() };
          jobs.set(spec.name, job);
          if (cluster.hasMachines)
            void program(spec, job.asked.signal).then((code) => {
              job.end ??= endOf(job, code);
              tell();
            });
        }
        return { adopted, name: spec.name };
      }),
    watch: (job, { signal, onStatus }) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (cluster.isDown) return;
          const found = jobs.get(job);
          if (!found) return done(() => resolve({ ...UNKNOWN_END, endedAt: Date.now() }));
          if (!cluster.hasMachines && !found.end) {
            const message = '0/1 nodes are available';
            return done(() => resolve({ ...UNKNOWN_END, endedAt: Date.now(), notStarted: { reason: 'no-capacity', message } }));
          }
          onStatus?.(statusOf(found));
          const { end } = found;
          if (end) done(() => resolve(end));
        };
        const abort = (): void => done(() => reject(signal.reason as Error));
        const done = (settle: () => void): void => {
          listeners.delete(look);
          signal.removeEventListener('abort', abort);
          settle();
        };
        listeners.add(look);
        signal.addEventListener('abort', abort);
        if (signal.aborted) abort();
        else look();
      }),
    terminate: (job) => whenUp(() => jobs.get(job)?.asked.abort()),
    remove: (job) =>
      whenUp(() => {
        jobs.get(job)?.asked.abort();
        jobs.delete(job);
        tell();
      }),
    logs: async function* () {
      // Nothing is said.
    },
    list: (labels = {}) =>
      whenUp(() =>
        [...jobs.values()]
          .filter(({ spec }) => Object.entries(labels).every(([key, value]) => spec.labels[key as 'run'] === value))
          .map(({ spec, end }) => ({ name: spec.name, labels: spec.labels, phase: end ? ('ended' as const) : ('running' as const) })),
      ),
    close: () => Promise.resolve(),
  };
  let isDown = false;
  let hasMachines = true;
  const cluster: FakeCluster = {
    compute,
    get isDown() {
      return isDown;
    },
    set isDown(down) {
      isDown = down;
      tell();
    },
    get hasMachines() {
      return hasMachines;
    },
    set hasMachines(has) {
      hasMachines = has;
      tell();
    },
    made: [],
    running: () => [...jobs.values()].filter(({ end }) => end === null).map(({ spec }) => spec.name),
  };
  return cluster;
}

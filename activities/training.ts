/** Attempts of a trial: one Job each, created or adopted, watched to its end and judged. */
import { activityInfo, log } from '@temporalio/activity';
import type { AttemptInput, AttemptReport, CapacityInput } from '../src/contract/attempts.ts';
import type { JobEnd, JobSpec } from '../src/contract/jobs.ts';
import type { Profile } from '../src/contract/profile.ts';
import { TRIAL_ENVIRONMENT } from '../src/contract/names.ts';
import type { JobStatus, UseSample } from '../src/ports/compute.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../src/ports/index.ts';
import { GRACES } from '../src/rules/durations.ts';
import { severalNodes } from '../src/rules/gang.ts';
import { DEFAULT_LOG_BOUNDS } from '../src/rules/kept-logs.ts';
import { completeLogs, isReplacedAtOnce, keepLogs, markLostLog, type LogSource } from './attempt-logs.ts';
import { attemptMeter } from './attempt-metrics.ts';
import { asLostOutcome, attemptOutcome, hasLetGo } from './attempt-outcome.ts';
import { attemptReport, recordAttempt, recordNodes } from './attempt-report.ts';
import { lostEnd, nodesOf, watchAttempt } from './attempt-watch.ts';
import { awaitCapacity, forgetCapacity } from './capacity.ts';
import { askCluster } from './cluster-silence.ts';
import { translated } from './failures.ts';
import { attemptIdentity, findJob } from './job-places.ts';
import { Foreign } from './foreign-systems.ts';
import { MachineUse } from './machine-use.ts';
import { moveBytes } from './move-bytes.ts';
import { ProgressFollower } from './progress-follower.ts';
import { PulledImages, recordRanImage } from './pulled-images.ts';
import { startOfAttempt } from './seen-starts.ts';
import { graceOf, knownDigests, shippedCode, withSecrets } from './shipped-code.ts';
import type { Stoppable } from './stoppable.ts';
import { storageEnvironment } from './storage-environment.ts';
import { inCluster, trialNews } from './wait-signals.ts';
import { WaitReports } from './wait-reports.ts';
import { findBestExport, readProgress, readResult, writeTrialJson } from './trial-files.ts';

const REFERENCE_TRAINER = ['python', '-m', 'longhaul_trainer', 'train'];

interface Details {
  readonly flushed: number;
  readonly use?: unknown;
}

export const createTrainingActivities = (ports: Ports) =>
  translated({
    /** Runs one attempt to its end; asked to stop, it lets the trainer commit a checkpoint first. */
    async runAttempt(input: AttemptInput): Promise<AttemptReport> {
      return inCluster(ports, input, async (context) => {
        const { attempt } = activityInfo();
        const wasBegun = attempt > 1 || activityInfo().heartbeatDetails !== undefined;
        // An earlier try of this activity may have made the Job, whatever became of the answer.
        const isBegun = wasBegun || input.attempt > 1 || input.samples > 0;
        const world = await open(ports, input, context, isBegun);
        const mayBeOver = attempt > 1 && (await isOver(input, world));
        return runAttempt(input, world, context, { flushed: 0, job: mayBeOver ? null : undefined });
      });
    },

    /**
     * Ends an attempt that no worker watched when it was to stop: its Job goes on without one. It is judged and recorded like any other.
     *
     * @returns null when it never had a Job
     */
    async endAttempt(input: AttemptInput): Promise<AttemptReport | null> {
      return inCluster(ports, input, async (context) => {
        const world = await open(ports, input, context, true);
        const { compute, store, warehouse, foreign } = world;
        const found = await foreign.ask('Kubernetes', () => findJob(compute, attemptIdentity(store, input)));
        // One that trained and is not there any more ended while nobody watched; of one that was given up all is told that is known.
        if (found === null && input.lost !== undefined) {
          await completeLogs(logSource(input, store, compute), nodesOf(input), null, context.detached);
          return null;
        }
        if (found === null && !(await foreign.ask('the object store', () => hasTrained(store, input)))) return null;
        const flushed = await foreign.ask('the ledger', () => lastRecorded(warehouse, input));
        return runAttempt(input, world, { ...context, stop: AbortSignal.abort() }, { flushed, job: found });
      });
    },

    /**
     * Asks the Job of an attempt to end, whichever worker watches it: that one hears of the stop with its next heartbeat only, minutes later,
     * or when it sees the end. One that is not there yet is seen to by who makes it.
     */
    async askAttemptToEnd(input: AttemptInput): Promise<void> {
      await inCluster(ports, input, async (context) => {
        const { compute, store, foreign } = await open(ports, input, context, true);
        await foreign.ask('Kubernetes', async () => {
          const name = await findJob(compute, attemptIdentity(store, input));
          if (name !== null) await compute.terminate(name);
        });
      });
    },

    /** Returns when the pool has a machine for the trial, or when nobody wants to know any more. */
    async awaitCapacity(input: CapacityInput): Promise<void> {
      const { profile } = input.trial;
      await inCluster(ports, input, async (context) =>
        awaitCapacity(input, await ports.compute(profile), await ports.store(profile), context),
      );
    },

    /** Ends a look for a machine that no worker watched when it was to stop. */
    async forgetCapacity(input: CapacityInput): Promise<void> {
      const { profile } = input.trial;
      await inCluster(ports, input, async ({ detached }) => {
        const foreign = new Foreign(true, { until: [detached] });
        const [compute, store] = await foreign.ask('the machine', () => Promise.all([ports.compute(profile), ports.store(profile)]));
        await foreign.ask('Kubernetes', () => forgetCapacity(input, compute, store));
      });
    },

    /** Returns where the cluster of this worker answers. */
    async clusterAnswers({ profile }: { readonly profile: Profile }): Promise<void> {
      await askCluster(await ports.compute(profile));
    },
  });
export type TrainingActivities = ReturnType<typeof createTrainingActivities>;

interface World {
  readonly store: ObjectStore;
  readonly compute: Compute;
  readonly warehouse: Warehouse;
  readonly foreign: Foreign;
  readonly waitReports: WaitReports;
}

async function open(ports: Ports, { trial, attempt }: AttemptInput, context: Stoppable, isBegun: boolean): Promise<World> {
  const tell = trialNews();
  const waitReports = new WaitReports((wait) => tell({ attempt, ...wait }));
  const foreign = new Foreign(isBegun, { until: [context.detached], tell: waitReports.trouble });
  const { profile } = trial;
  const [store, compute, warehouse] = await Promise.all([
    foreign.ask('the object store', () => ports.store(profile)),
    foreign.ask('Kubernetes', () => ports.compute(profile)),
    foreign.ask('the ledger', () => ports.warehouse(profile)),
  ]);
  return { store, compute, warehouse, foreign, waitReports };
}

/** The result is there and the Job is not: it ended while no worker was there, and was removed since. */
async function isOver(input: AttemptInput, { store, compute, foreign }: World): Promise<boolean> {
  const result = await foreign.ask('the object store', () => readResult(store, input.trial.output).catch(unlessBadData));
  return result !== null && (await foreign.ask('Kubernetes', () => findJob(compute, attemptIdentity(store, input)))) === null;
}

const hasTrained = async (store: ObjectStore, { trial, attempt, lastProgress }: AttemptInput): Promise<boolean> => {
  const record = await readProgress(store, trial.output, lastProgress + 1);
  return record !== null && record !== 'unreadable' && record.attempt === attempt;
};

/** The number of the last progress record that the ledger has. */
async function lastRecorded(warehouse: Warehouse, { trial: { run, step, trial } }: AttemptInput): Promise<number> {
  const rows = await warehouse.ledger('progress', { run });
  return rows.filter((row) => row.step === step && row.trial === trial).reduce((last, { n }) => Math.max(last, Number(n)), 0);
}

interface Before {
  /** Progress records up to here are known to be in the ledger. */
  readonly flushed: number;
  /** Name of the Job that is there; null: there is none any more, and none is to be made; undefined: it is to be made or found. */
  readonly job: string | null | undefined;
}

async function runAttempt(input: AttemptInput, world: World, context: Stoppable, before: Before): Promise<AttemptReport> {
  const { store, compute, warehouse, foreign, waitReports } = world;
  const { trial } = input;
  const known = activityInfo().heartbeatDetails as Details | undefined;
  const flushed = Math.max(before.flushed, known?.flushed ?? 0);
  const meter = attemptMeter(input);
  const from = { lastProgress: input.lastProgress, samples: input.samples, flushed, attempt: input.attempt };
  const follower = new ProgressFollower(store, warehouse, trial, from, meter.record);
  const machineUse = new MachineUse(known?.use);
  const images = new PulledImages(store, trial.run, trial);
  const start = startOfAttempt(store, input);
  const note = (): void => {
    waitReports.beat();
    context.note({ flushed: follower.flushed, ...machineUse.details, ...waitReports.details } satisfies Details);
  };
  const watch = async (job: string): Promise<{ end: JobEnd; silent: boolean }> => {
    log.info('attempt is watched', { pool: input.pool.name, job });
    const logs = logSource(input, store, compute);
    const kept = input.isLogKept ? null : keepLogs(logs, nodesOf(input), job, context.detached);
    const onStatus = (status: JobStatus): void => {
      waitReports.status(status);
      kept?.status(status);
      images.status(status);
      start.status(status);
    };
    const watching = {
      input,
      job: { name: job, graceSeconds: graceOf(trial.profile, input.pool) },
      compute,
      follower,
      foreign,
      context,
      note,
      onStatus,
      // A trainer that says it knows better, and more.
      use: { isWanted: () => follower.followed.use === null, tell: (sample: UseSample) => machineUse.take(sample) },
      // Whoever is to stop is waited for: nothing follows that could begin sooner.
      ...(input.mayLetGo ? { hasLetGo: async () => !context.stop.aborted && (await hasLetGo(store, input)) } : {}),
    };
    const watched = await watchAttempt(watching);
    if (input.isLogKept) await completeLogs(logs, nodesOf(input), job, context.detached);
    // A machine that goes is replaced at once; what is left of its log comes meanwhile.
    await kept?.settled(isReplacedAtOnce(watched.end) ? 0 : GRACES.logEndMs);
    return watched;
  };
  const name = before.job === undefined ? await createJob(input, world, context) : before.job;
  foreign.begun();
  note();
  // Whoever was to stop it may have looked for the Job before it was there.
  await context.look();
  if (name === null) await markLostLog(logSource(input, store, compute)).catch(() => undefined);
  const watched = name === null ? { end: null, silent: false } : await watch(name);
  await Promise.all([
    watched.end?.state === 'succeeded' ? undefined : context.look(),
    foreign.ask('the object store', () => follower.readAll()),
  ]);
  const { trainingFrom, recordedAt } = follower.followed;
  const told: JobEnd = watched.end ?? {
    ...lostEnd({ node: null, startedAt: trainingFrom }, 'its Job is not there any more'),
    endedAt: recordedAt ?? Date.now(),
  };
  const end = await foreign.ask('the object store', () => start.complete(told));
  const job = name ?? attemptIdentity(store, input).name;
  const cleanUp = async (): Promise<void> => {
    if (name !== null && !end.letGo) await foreign.ask('Kubernetes', () => cleanUpJob(compute, name, end));
  };
  // Each is another system's answer, and none needs another's: the replacement waits for the slowest, and not for all in turn.
  const [seen, moved] = await Promise.all([
    attemptOutcome({ input, end, silent: watched.silent, stopRequested: context.stop.aborted, images }, store, foreign),
    moveBytes(store, input),
    recordRanImage(store, trial, end),
    foreign.ask('the ledger', () => follower.flush()),
    // Before the total, so that whoever sees that one finds its parts.
    foreign.ask('the ledger', () => recordNodes(warehouse, input, end, job)),
    input.lost === undefined ? cleanUp() : undefined,
  ]);
  const outcome = input.lost === undefined ? seen : asLostOutcome(seen, input.lost, input.judged);
  const { verdict } = outcome;
  const final = verdict !== 'preempted' && verdict !== 'no-capacity' && verdict !== 'succeeded';
  const report = attemptReport({
    input,
    ...outcome,
    end,
    followed: { ...follower.followed, use: follower.followed.use ?? machineUse.use },
    bestExport: final ? await foreign.ask('the object store', () => findBestExport(store, trial.output).catch(unlessBadData)) : null,
    moveBytes: moved,
  });
  await foreign.ask('the ledger', () => recordAttempt(warehouse, input, report, job, { stage: end.letGo ? 'lost' : 'ended' }));
  // Whoever comes after a worker that goes now finds the Job, or its end in the ledger; and nothing waits for this one's machines.
  if (input.lost !== undefined) await cleanUp();
  // Once, by whoever sees to its end.
  if (!end.letGo) meter.end(report);
  log.info('attempt ended', { pool: report.pool, node: report.node, end: report.verdict, cause: report.cause, cost: report.cost });
  return report;
}

/** Asked to stop before there is a Job, it makes none: the workflow has whatever there is ended. @returns its name */
async function createJob(input: AttemptInput, { store, compute, foreign }: World, { stop }: Stoppable): Promise<string> {
  const trialUri = await foreign.ask('the object store', () => writeTrialJson(store, input), [stop]);
  const { name } = await foreign.ask('Kubernetes', () => compute.create(jobOf(input, store, trialUri)), [stop]);
  return name;
}

/**
 * What may still run, or be started again by others, is gone before the next attempt asks for the same machines. One whose machine was lost
 * is not waited for: it may come back any time, is asked to go then, and can do no harm meanwhile (fencing).
 */
async function cleanUpJob(compute: Compute, name: string, end: JobEnd): Promise<void> {
  if (end.lingering === 'rest') await compute.terminate(name);
  else if (end.lingering === 'job' || end.notStarted || end.nodeLost || end.state === 'lost')
    await compute.remove(name, { waitSeconds: end.nodeLost || end.state === 'lost' ? 0 : GRACES.removalPatienceSeconds });
}

function unlessBadData(error: unknown): null {
  if (error instanceof Error && 'type' in error && error.type === 'BadData') return null;
  throw error;
}

const logSource = ({ trial, attempt }: AttemptInput, store: ObjectStore, compute: Compute): LogSource => ({
  store,
  compute,
  output: trial.output,
  attempt,
  bounds: trial.profile.logs ?? DEFAULT_LOG_BOUNDS,
  tell: (error) => {
    log.warn('the log of an attempt is not kept any more', { error });
  },
});

function jobOf(input: AttemptInput, store: ObjectStore, trialUri: string): JobSpec {
  const { trial, attempt, pool } = input;
  const { spec, profile } = trial;
  const { nodes, ...resources } = spec.resources;
  return {
    ...attemptIdentity(store, input),
    ...(spec.image === undefined ? {} : { image: spec.image }),
    ...knownDigests(profile),
    command: spec.command ?? REFERENCE_TRAINER,
    ...shippedCode(store, spec),
    env: {
      ...storageEnvironment(profile),
      ...spec.env,
      [TRIAL_ENVIRONMENT.trial]: trialUri,
      [TRIAL_ENVIRONMENT.output]: trial.output,
      [TRIAL_ENVIRONMENT.attempt]: String(attempt),
      ...(spec.resources.gpu > 0 ? { [TRIAL_ENVIRONMENT.gpus]: String(spec.resources.gpu) } : {}),
    },
    ...withSecrets(spec),
    resources: { ...resources, memoryMb: input.memoryMb },
    ...severalNodes(nodes),
    pool,
    graceSeconds: graceOf(profile, pool),
    ...(spec.attemptDeadlineSeconds === undefined ? {} : { deadlineSeconds: spec.attemptDeadlineSeconds }),
  };
}

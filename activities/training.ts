/** Attempts of a trial: one Job each, created or adopted, watched to its end and judged. */
import { activityInfo, log } from '@temporalio/activity';
import { classifyEnd } from '../src/rules/attempt-ends.ts';
import { attemptJobName } from '../src/contract/ids.ts';
import { UNKNOWN_END, type JobEnd, type JobSpec } from '../src/contract/jobs.ts';
import { TRIAL_ENVIRONMENT } from '../src/contract/names.ts';
import type { AttemptInput, AttemptReport, CapacityInput } from '../src/contract/search.ts';
import type { JobStatus } from '../src/ports/compute.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../src/ports/index.ts';
import { attemptMeter } from './attempt-metrics.ts';
import { awaitCapacity, forgetCapacity } from './capacity.ts';
import { attemptReport, recordAttempt } from './attempt-report.ts';
import { translated } from './failures.ts';
import { ProgressFollower } from './progress-follower.ts';
import { Silence } from './silence.ts';
import { aborted, pause, stoppable } from './stoppable.ts';
import type { Stoppable } from './stoppable.ts';
import { storageEnvironment } from './storage-environment.ts';
import { findBestExport, readLatest, readResult, writeTrialJson } from './trial-files.ts';

const REFERENCE_TRAINER = ['python', '-m', 'longhaul_trainer', 'train'];
const DEFAULT_GRACE_SECONDS = 15;
/** Records are looked for at this pace while they come, and more seldom while they do not. */
const SHORTEST_POLL_MS = 500;
const LONGEST_POLL_MS = 10_000;
const POLL_GROWTH = 1.4;
/** A Job on a frozen machine may never be gone; fencing makes it safe to leave it behind. */
const REMOVAL_PATIENCE_MS = 15_000;
const STOP_PATIENCE_BEYOND_GRACE_MS = 60_000;

interface Details {
  readonly flushed: number;
}

export const createTrainingActivities = (ports: Ports) =>
  translated({
    /** Runs one attempt to its end; asked to stop, it lets the trainer commit a checkpoint first. */
    async runAttempt(input: AttemptInput): Promise<AttemptReport> {
      const opened = await open(ports, input);
      return stoppable((context) => runAttempt(input, opened, context, 0));
    },

    /**
     * Ends an attempt that no worker watched when it was to stop: its Job goes on without one. It is judged and recorded like any other.
     *
     * @returns null when it never had a Job
     */
    async endAttempt(input: AttemptInput): Promise<AttemptReport | null> {
      const opened = await open(ports, input);
      return stoppable(async (context) => {
        const jobs = await opened.compute.list({ run: input.trial.run });
        if (!jobs.some(({ name }) => name === jobNameOf(input))) return null;
        const flushed = await lastRecorded(opened.warehouse, input);
        return runAttempt(input, opened, { ...context, stop: AbortSignal.abort() }, flushed);
      });
    },

    /** Returns when the pool has a machine for the trial, or when nobody wants to know any more. */
    async awaitCapacity(input: CapacityInput): Promise<void> {
      const compute = await ports.compute(input.trial.profile);
      return stoppable((context) => awaitCapacity(input, compute, context));
    },

    /** Ends a look for a machine that no worker watched when it was to stop. */
    async forgetCapacity(input: CapacityInput): Promise<void> {
      const compute = await ports.compute(input.trial.profile);
      await stoppable(() => forgetCapacity(input, compute));
    },
  });
export type TrainingActivities = ReturnType<typeof createTrainingActivities>;

interface Opened {
  readonly store: ObjectStore;
  readonly compute: Compute;
  readonly warehouse: Warehouse;
}

async function open(ports: Ports, { trial: { profile } }: AttemptInput): Promise<Opened> {
  const [store, compute, warehouse] = await Promise.all([ports.store(profile), ports.compute(profile), ports.warehouse(profile)]);
  return { store, compute, warehouse };
}

const jobNameOf = ({ trial, attempt }: AttemptInput): string => attemptJobName(trial.run, trial.step, trial.trial, attempt);

/** The number of the last progress record that the ledger has. */
async function lastRecorded(warehouse: Warehouse, { trial: { run, step, trial } }: AttemptInput): Promise<number> {
  const rows = await warehouse.ledger('progress', { run });
  return rows.filter((row) => row.step === step && row.trial === trial).reduce((last, { n }) => Math.max(last, Number(n)), 0);
}

/** @param flushedBefore progress records up to here are known to be in the ledger */
async function runAttempt(input: AttemptInput, opened: Opened, context: Stoppable, flushedBefore: number): Promise<AttemptReport> {
  const { store, compute, warehouse } = opened;
  const { trial, attempt } = input;
  const flushed = Math.max(flushedBefore, (activityInfo().heartbeatDetails as Details | undefined)?.flushed ?? 0);
  const meter = attemptMeter(input);
  const follower = new ProgressFollower(
    store,
    warehouse,
    trial,
    { lastProgress: input.lastProgress, samples: input.samples, flushed },
    meter.record,
  );
  const trialUri = await writeTrialJson(store, input);
  const job = jobOf(input, trialUri);
  await compute.create(job);
  log.info('attempt is watched', { pool: input.pool.name, job: job.name });
  const watched = await watch(input, job, opened, follower, context);
  await follower.read();
  await follower.flush();

  const [latest, result] = await Promise.all([readLatest(store, trial.output), readResult(store, trial.output)]);
  const judgement = classifyEnd(watched.end, {
    attempt,
    latest: latest && { attempt: latest.attempt, reason: latest.reason, samples: latest.samples },
    hasResult: result !== null,
    stopRequested: context.stop.aborted,
    silentSeconds: watched.silent ? trial.profile.silenceSeconds : null,
    newerAttempt: latest && latest.attempt > attempt ? latest.attempt : null,
  });
  await leaveNothingBehind(compute, job.name, watched.end);
  const final = judgement.verdict !== 'preempted' && judgement.verdict !== 'no-capacity' && judgement.verdict !== 'succeeded';
  const report = attemptReport({
    input,
    ...judgement,
    end: watched.end,
    followed: follower.followed,
    committedSamples: latest?.samples ?? 0,
    result: judgement.verdict === 'succeeded' ? result : null,
    bestExport: final ? await findBestExport(store, trial.output) : null,
  });
  await recordAttempt(warehouse, input, report);
  meter.end(report);
  log.info('attempt ended', { pool: report.pool, node: report.node, end: report.verdict, cause: report.cause, cost: report.cost });
  return report;
}

/** Follows Job and records side by side until the Job ends, falls silent, or a stop has run its course. */
async function watch(
  input: AttemptInput,
  job: JobSpec,
  { compute }: Opened,
  follower: ProgressFollower,
  context: Stoppable,
): Promise<{ end: JobEnd; silent: boolean }> {
  const over = new AbortController();
  let status: JobStatus = { phase: 'pending', message: null, node: null, startedAt: null };
  const watching = compute.watch(job.name, {
    signal: AbortSignal.any([over.signal, context.detached]),
    noCapacitySeconds: input.noCapacitySeconds,
    onStatus: (next) => {
      status = next;
    },
  });
  const following = followRecords(input, follower, () => status, context, over.signal);
  const silence = following.then((silent) => (silent ? 'silent' : new Promise<never>(() => undefined)));
  const stopping = stopOnRequest(compute, job, context, over.signal);
  try {
    const first = await Promise.race([watching, silence, stopping]);
    if (first !== 'silent' && first !== 'stuck') return { end: first, silent: false };
    await removePatiently(compute, job.name);
    return { end: lostEnd(status, first === 'silent' ? 'no progress records' : 'did not end after SIGTERM'), silent: first === 'silent' };
  } finally {
    over.abort();
    watching.catch(() => undefined);
    silence.catch(() => undefined);
    // The follower is not to be read by two at once.
    await following.catch(() => undefined);
    stopping.catch(() => undefined);
  }
}

/** True: the records have stopped for longer than the profile allows. */
async function followRecords(
  input: AttemptInput,
  follower: ProgressFollower,
  status: () => JobStatus,
  context: Stoppable,
  over: AbortSignal,
): Promise<boolean> {
  const silence = new Silence(input.trial.profile.silenceSeconds * 1000);
  let poll = SHORTEST_POLL_MS;
  while (!over.aborted && !context.detached.aborted) {
    const some = await follower.read();
    context.note({ flushed: follower.flushed } satisfies Details);
    // One that never recorded anything may be of a kind that does not.
    if (silence.isTooLong(status().phase, some) && follower.followed.everSeen) return true;
    poll = some ? SHORTEST_POLL_MS : Math.min(LONGEST_POLL_MS, poll * POLL_GROWTH);
    await pause(poll, over, context.detached);
  }
  return false;
}

async function stopOnRequest(compute: Compute, job: JobSpec, context: Stoppable, over: AbortSignal): Promise<'stuck'> {
  await aborted(context.stop);
  if (!over.aborted) await compute.terminate(job.name);
  await pause(job.graceSeconds * 1000 + STOP_PATIENCE_BEYOND_GRACE_MS, over);
  return 'stuck';
}

/**
 * A Job that has not started is gone before the next attempt asks for the same machines. One whose machine was lost is not waited for:
 * it may come back any time, is asked to go then, and can do no harm meanwhile (fencing).
 */
async function leaveNothingBehind(compute: Compute, name: string, end: JobEnd): Promise<void> {
  if (end.notStarted) await removePatiently(compute, name);
  else if (end.state === 'lost' || end.nodeLost) compute.remove(name).catch(() => undefined);
}

async function removePatiently(compute: Compute, name: string): Promise<void> {
  const removal = compute.remove(name);
  removal.catch(() => undefined);
  await Promise.race([removal, pause(REMOVAL_PATIENCE_MS, new AbortController().signal)]);
}

function lostEnd(status: JobStatus, message: string): JobEnd {
  return { ...UNKNOWN_END, node: status.node, startedAt: status.startedAt, endedAt: Date.now(), message };
}

function jobOf(input: AttemptInput, trialUri: string): JobSpec {
  const { trial, attempt, pool } = input;
  const { spec, profile } = trial;
  return {
    name: jobNameOf(input),
    labels: { pipeline: trial.pipeline, run: trial.run, step: trial.step, trial: String(trial.trial), attempt: String(attempt) },
    ...(spec.image === undefined ? {} : { image: spec.image }),
    command: spec.command ?? REFERENCE_TRAINER,
    env: {
      ...storageEnvironment(profile),
      ...spec.env,
      [TRIAL_ENVIRONMENT.trial]: trialUri,
      [TRIAL_ENVIRONMENT.output]: trial.output,
      [TRIAL_ENVIRONMENT.attempt]: String(attempt),
    },
    resources: { ...spec.resources, memoryMb: input.memoryMb },
    pool,
    graceSeconds: profile.compute.kind === 'kubernetes' ? profile.compute.graceSeconds : DEFAULT_GRACE_SECONDS,
    ...(spec.attemptDeadlineSeconds === undefined ? {} : { deadlineSeconds: spec.attemptDeadlineSeconds }),
  };
}

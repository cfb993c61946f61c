/** Container and script steps: one Job an attempt, watched until it ends, adopted by the next worker when this one goes. */
import { activityInfo, log } from '@temporalio/activity';
import { classifyEnd } from '../src/rules/attempt-ends.ts';
import { homeOf } from '../src/contract/ids.ts';
import { UNKNOWN_END } from '../src/contract/jobs.ts';
import type { JobEnd, Pool } from '../src/contract/index.ts';
import type { Compute, ObjectStore, Ports } from '../src/ports/index.ts';
import { GRACES } from '../src/rules/durations.ts';
import { inFlavor } from '../src/rules/flavors.ts';
import { DEFAULT_LOG_BOUNDS, stepLogHome } from '../src/rules/kept-logs.ts';
import { isReplacedAtOnce, keepLog, type LogSource, markLostLog } from './attempt-logs.ts';
import { unlessClusterIsLost } from './cluster-silence.ts';
import { translated } from './failures.ts';
import { type Interruptible, withHeartbeat } from './heartbeat.ts';
import { claimJob } from './job-claims.ts';
import { stepIdentity } from './job-places.ts';
import { troubleText, WaitReports } from './wait-reports.ts';
import { Foreign, type Trouble } from './foreign-systems.ts';
import { runNews } from './wait-signals.ts';
import { PulledImages, recordRanImage } from './pulled-images.ts';
import { SeenStart } from './seen-starts.ts';
import type { StepJobEnd, StepJobInput, StepJobName } from './step-job-contract.ts';
import { outputsOfJob, outputsUri } from './step-outputs.ts';
import { jobOf } from './step-job-spec.ts';

const SECONDS_PER_HOUR = 3600;

export const createStepJobActivities = (ports: Ports) =>
  translated({
    async runStepJob(input: StepJobInput): Promise<StepJobEnd> {
      return withHeartbeat((context) =>
        tellingWaits(input, (waits, silence) => {
          const work = async (bounded: Interruptible): Promise<StepJobEnd> => {
            const { attempt } = activityInfo();
            const wasBegun = attempt > 1 || activityInfo().heartbeatDetails !== undefined;
            const foreign = foreignOf(bounded, wasBegun || input.attempt > 1, waits.trouble);
            const [store, compute] = await foreign.ask('the machine', () =>
              Promise.all([ports.store(input.profile), ports.compute(input.profile)]),
            );
            return runToItsEnd(input, { store, compute, foreign, waits, start: startOf(input, store) }, bounded);
          };
          return unlessLost(ports, input, context, work, silence.trouble);
        }),
      );
    },

    /** Ends the Job of an attempt, if there is one, and forgets it. */
    async removeStepJob(input: StepJobName): Promise<void> {
      await withHeartbeat((context) => unlessLost(ports, input, context, (bounded) => removeJobs(ports, input, bounded)));
    },
  });
export type StepJobActivities = ReturnType<typeof createStepJobActivities>;

async function removeJobs(ports: Ports, { profile, run, step, attempt }: StepJobName, context: Interruptible): Promise<void> {
  const foreign = foreignOf(context, true);
  const [store, compute] = await foreign.ask('the machine', () => Promise.all([ports.store(profile), ports.compute(profile)]));
  await foreign.ask('Kubernetes', async () => {
    const home = homeOf(store.root);
    const jobs = await compute.list({ run, step, attempt: String(attempt) });
    for (const { name, labels } of jobs)
      if (labels.trial === undefined && (labels.home ?? home) === home)
        await compute.remove(name, { waitSeconds: GRACES.removalPatienceSeconds });
  });
}

const unlessLost = <T>(
  ports: Ports,
  bound: Pick<StepJobInput, 'profile' | 'lostAfterSeconds'>,
  context: Interruptible,
  work: (context: Interruptible) => Promise<T>,
  tell?: (trouble: Trouble | null) => void,
): Promise<T> => unlessClusterIsLost(bound, () => ports.compute(bound.profile), context, work, tell);

interface World {
  readonly store: ObjectStore;
  readonly compute: Compute;
  readonly foreign: Foreign;
  readonly waits: WaitReports;
  readonly start: SeenStart;
}

const foreignOf = (context: Interruptible, isBegun: boolean, tell?: (trouble: Trouble | null) => void): Foreign =>
  new Foreign(isBegun, {
    until: [context.detached],
    tell: (trouble) => {
      tell?.(trouble);
      context.progress({ stage: trouble ? troubleText(trouble, Date.now()) : 'goes on' });
    },
  });

/** Its run shows what the Job waits for. */
async function tellingWaits<T>(
  { step, attempt }: StepJobInput,
  work: (waits: WaitReports, silence: WaitReports) => Promise<T>,
): Promise<T> {
  const tell = runNews();
  const open = (): WaitReports => new WaitReports((wait) => tell({ step, attempt, ...wait }));
  const waits = open();
  const timer = setInterval(() => waits.beat(), GRACES.waitLookMs);
  try {
    return await work(waits, open());
  } finally {
    clearInterval(timer);
  }
}

async function runToItsEnd(input: StepJobInput, world: World, context: Interruptible): Promise<StepJobEnd> {
  const { store, compute, foreign, waits, start } = world;
  const images = imagesOf(input, store);
  const interrupted = AbortSignal.any([context.signal, context.detached]);
  const job = await foreign.ask('the object store', () => jobOf(store, input), [context.signal]);
  let { name } = job;
  try {
    const may = await foreign.ask('Kubernetes', () => claimJob(world, input.profile, job, input.spec.output), [context.signal]);
    if (!may) {
      await markLostLog(logSource(input, store)).catch(() => undefined);
      return await endOf(input, world, null, name);
    }
    const created = await foreign.ask('Kubernetes', () => compute.create(job), [context.signal]);
    ({ name } = created);
    foreign.begun();
    context.progress({ stage: created.adopted ? 'adopted' : 'created', job: name });
    await context.look();
    const kept = keepLog({ ...logSource(input, store), compute }, name, context.detached);
    const watch = (): Promise<JobEnd> =>
      compute.watch(name, {
        signal: interrupted,
        noCapacitySeconds: input.noCapacitySeconds,
        zeroIsSuccess: true,
        onStatus: (status) => {
          kept.status(status);
          waits.status(status);
          images.status(status);
          start.status(status);
          context.progress({ stage: status.message ?? status.phase, job: name });
        },
      });
    const end = await foreign.ask('Kubernetes', watch, [context.signal]);
    // A machine that goes is replaced at once; what is left of its log comes meanwhile.
    await kept.settled(isReplacedAtOnce(end) ? 0 : GRACES.logEndMs);
    if (end.state !== 'succeeded') await context.look();
    interrupted.throwIfAborted();
    return await endOf(input, world, end, name);
  } catch (error) {
    // Refused while it was to stop, the Job may be there all the same.
    if (context.signal.aborted)
      await new Foreign(true, { until: [context.detached] }).ask('Kubernetes', () =>
        compute.remove(name, { waitSeconds: GRACES.removalPatienceSeconds }),
      );
    throw error;
  }
}

const logSource = ({ run, step, attempt, profile }: StepJobInput, store: ObjectStore): Omit<LogSource, 'compute'> => ({
  store,
  output: stepLogHome(store.root, run, step),
  attempt,
  bounds: profile.logs ?? DEFAULT_LOG_BOUNDS,
  tell: (error) => {
    log.warn('the log of a step is not kept any more', { error });
  },
});

const imagesOf = ({ profile, run, spec }: StepJobInput, store: ObjectStore): PulledImages =>
  new PulledImages(store, run, { profile, spec: 'image' in spec ? spec : {} });

const startOf = (input: StepJobInput, store: ObjectStore): SeenStart =>
  new SeenStart(store, {
    home: stepLogHome(store.root, input.run, input.step),
    job: stepIdentity(store, input).name,
    profile: input.profile,
  });

/** @param known null: nobody saw it */
async function endOf(
  input: StepJobInput,
  { store, compute, foreign, start }: World,
  known: JobEnd | null,
  name: string,
): Promise<StepJobEnd> {
  const end = await foreign.ask('the object store', () => start.complete(known ?? UNKNOWN_END));
  const hadImage = known !== null && (await foreign.ask('the object store', () => imagesOf(input, store).ask(known)));
  const { verdict, cause, awaits } =
    known === null
      ? await unknownVerdict(input, store, foreign)
      : classifyEnd(end, {
          attempt: input.attempt,
          // What a scorer has written is as good as a checkpoint.
          latest: input.spec.kind === 'score' ? { attempt: input.attempt, reason: 'sigterm', samples: 0 } : null,
          hasResult: end.exitCode === 0,
          stopRequested: false,
          silentSeconds: null,
          newerAttempt: null,
          isTrial: false,
          hadImage,
        });
  await foreign.ask('Kubernetes', async () => {
    if (end.lingering === 'rest') await compute.terminate(name);
    else if (end.lingering === 'job' || end.notStarted)
      await compute.remove(name, { waitSeconds: end.nodeLost ? 0 : GRACES.removalPatienceSeconds });
  });
  await recordRanImage(store, { profile: input.profile, spec: 'image' in input.spec ? input.spec : {} }, end);
  const outputs = verdict === 'succeeded' ? await foreign.ask('the object store', () => outputsOfJob(store, input)) : {};
  return {
    verdict,
    cause,
    ...(awaits === undefined ? {} : { awaits }),
    job: name,
    image: end.image,
    outputs,
    cost: costOf(end, input.pool),
    logTail: verdict === 'succeeded' ? '' : end.logTail,
  };
}

/** Our own programs write their outputs when all is done; nothing tells what became of another container. */
async function unknownVerdict(
  input: StepJobInput,
  store: ObjectStore,
  foreign: Foreign,
): Promise<Pick<StepJobEnd, 'verdict' | 'cause' | 'awaits'>> {
  const last = lastWritten(input);
  if (last !== null && (await foreign.ask('the object store', () => store.stat(last))))
    return { verdict: 'succeeded', cause: 'finished while no worker watched' };
  return {
    verdict: 'crashed',
    cause:
      'how it ended is not known: it ended while no worker watched, and its Job was removed since (compute.ttlAfterFinished); ' +
      'look at what it left, then start the run again, or keep Jobs for longer than workers may be away',
  };
}

/** What our own programs write when all is done; null: nothing tells. */
function lastWritten(input: StepJobInput): string | null {
  const { spec } = input;
  if (spec.kind === 'score') return `${spec.output}/READY`;
  return spec.kind === 'script' && Object.keys(spec.outputs).length > 0 ? outputsUri(input) : null;
}

function costOf(end: JobEnd, pool: Pool): number {
  const { pricePerHour } = inFlavor(pool, end.flavor);
  return end.startedAt === null ? 0 : ((end.endedAt - end.startedAt) / 1000 / SECONDS_PER_HOUR) * pricePerHour;
}

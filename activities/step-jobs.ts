/** Container and script steps: one Job an attempt, watched until it ends, adopted by the next worker when this one goes. */
import { activityInfo, log } from '@temporalio/activity';
import { classifyEnd } from '../src/rules/attempt-ends.ts';
import { pathOfFileUri } from '../src/contract/file-uri.ts';
import { homeOf } from '../src/contract/ids.ts';
import { UNKNOWN_END } from '../src/contract/jobs.ts';
import type {
  AttemptVerdict,
  ContainerSpec,
  JobEnd,
  JobSpec,
  Json,
  OutputType,
  Pool,
  Resources,
  ScriptSpec,
} from '../src/contract/index.ts';
import type { Compute, ObjectStore, Ports } from '../src/ports/index.ts';
import { GRACES } from '../src/rules/durations.ts';
import { inFlavor } from '../src/rules/flavors.ts';
import { DEFAULT_LOG_BOUNDS, stepLogHome } from '../src/rules/kept-logs.ts';
import { keepLog, markLostLog } from './attempt-logs.ts';
import type { LogSource } from './attempt-logs.ts';
import { keepScript } from '../src/cache/scripts.ts';
import { unlessClusterIsLost } from './cluster-silence.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { Interruptible } from './heartbeat.ts';
import { claimJob } from './job-claims.ts';
import { stepIdentity } from './job-places.ts';
import { WaitReports, troubleText } from './wait-reports.ts';
import { Foreign } from './foreign-systems.ts';
import type { Trouble } from './foreign-systems.ts';
import { runNews } from './trial-news.ts';
import type { WorkInput } from './queries.ts';
import { HadImage, noteRan } from './images-ran.ts';
import { SeenStart } from './seen-starts.ts';
import { graceOf, knownDigests, shippedCode, withSecrets } from './shipped-code.ts';
import type { Shipped } from '../src/contract/code.ts';
import { storageEnvironment } from './storage-environment.ts';

const SECONDS_PER_HOUR = 3600;
/** Far above what the step may hand on (activities/steps.ts), far below what hurts. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Scoring of one export: parts that are written stay, so that an attempt goes on where the one before was taken away. */
export interface ScoreSpec extends Shipped {
  readonly kind: 'score';
  /** URI of what is to be scored (LONGHAUL_SCORE). */
  readonly document: string;
  /** Prefix of the scores; READY is written last. */
  readonly output: string;
  /** Absent: the profile's. */
  readonly image?: string;
  readonly resources: Resources;
  readonly inputs: Readonly<Record<string, Json>>;
  readonly outputs: Readonly<Record<string, OutputType>>;
}

export interface StepJobInput extends WorkInput<ContainerSpec | ScriptSpec | ScoreSpec> {
  /** Counted by the workflow, never Temporal's retry count. */
  readonly attempt: number;
  readonly pool: Pool;
  readonly noCapacitySeconds: number;
  readonly deadlineSeconds: number | null;
  /** Where its script was kept before; its source is empty then. */
  readonly script?: string;
  /** Of a profile with several clusters: its cluster is given up when it has not answered for so long. */
  readonly lostAfterSeconds?: number;
}

export type StepJobName = Pick<StepJobInput, 'profile' | 'run' | 'step' | 'attempt' | 'lostAfterSeconds'>;

export interface StepJobEnd {
  readonly verdict: AttemptVerdict;
  readonly cause: string;
  /** As of an attempt (`AttemptEnd`). */
  readonly awaits?: 'registry';
  readonly job: string;
  readonly image: string | null;
  readonly outputs: Record<string, Json>;
  readonly cost: number;
  readonly logTail: string;
}

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
    if (!end.disruption && !end.nodeLost && !end.notStarted) await kept.settled(GRACES.logEndMs);
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

const imagesOf = ({ profile, run, spec }: StepJobInput, store: ObjectStore): HadImage =>
  new HadImage(store, run, { profile, spec: 'image' in spec ? spec : {} });

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
  await noteRan(store, { profile: input.profile, spec: 'image' in input.spec ? input.spec : {} }, end);
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

async function programOf(store: ObjectStore, { spec, script }: StepJobInput): Promise<Pick<JobSpec, 'image' | 'command' | 'code' | 'env'>> {
  switch (spec.kind) {
    case 'container':
      return {
        ...(spec.image === undefined ? {} : { image: spec.image }),
        command: spec.command,
        ...shippedCode(store, spec),
        env: spec.env,
      };
    case 'script':
      return { command: ['python', '-m', 'longhaul_script'], env: { LONGHAUL_SCRIPT: script ?? (await keepScript(store, spec)) } };
    case 'score':
      return {
        ...(spec.image === undefined ? {} : { image: spec.image }),
        command: ['python', '-m', 'longhaul.scoring'],
        ...shippedCode(store, spec),
        env: { LONGHAUL_SCORE: spec.document },
      };
  }
}

async function jobOf(store: ObjectStore, input: StepJobInput): Promise<JobSpec> {
  const { spec, attempt } = input;
  const program = await programOf(store, input);
  return {
    ...stepIdentity(store, input),
    ...program,
    ...knownDigests(input.profile),
    env: {
      ...storageEnvironment(input.profile),
      ...program.env,
      LONGHAUL_INPUTS: JSON.stringify(spec.inputs),
      LONGHAUL_OUTPUT: place(spec.output),
      LONGHAUL_OUTPUTS: place(outputsUri(input)),
      LONGHAUL_ATTEMPT: String(attempt),
    },
    ...(spec.kind === 'score' ? {} : withSecrets(spec)),
    resources: spec.resources,
    pool: input.pool,
    graceSeconds: graceOf(input.profile, input.pool),
    ...(input.deadlineSeconds === null ? {} : { deadlineSeconds: Math.ceil(input.deadlineSeconds) }),
  };
  /** Containers of any language read a path more easily than a URI; our own runner takes both. */
  function place(uri: string): string {
    return spec.kind === 'container' ? pathOfFileUri(uri) : uri;
  }
}

/** One for each attempt, so that an attempt that failed later than it wrote leaves nothing to be mistaken. */
const outputsUri = (input: StepJobInput): string => `${input.spec.output}/outputs-${input.attempt}.json`;

async function outputsOfJob(store: ObjectStore, input: StepJobInput): Promise<Record<string, Json>> {
  const { spec } = input;
  const declared = Object.entries(spec.outputs);
  const object = declared.length === 0 ? null : await store.read(outputsUri(input), { maxBytes: MAX_OUTPUT_BYTES });
  if (declared.length > 0 && !object)
    throw failure(
      'InvalidInput',
      `step ${input.step} ended without writing its outputs (${Object.keys(spec.outputs).join(', ')}) to the file named by LONGHAUL_OUTPUTS`,
    );
  const written = object ? parseOutputs(input.step, new TextDecoder().decode(object.data)) : {};
  const checked = declared.map(([name, type]) => {
    const value = written[name];
    if (value === undefined || !hasType(value, type)) {
      throw failure(
        'InvalidInput',
        `step ${input.step}, output ${name}: expected ${type}, found ${value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)}`,
      );
    }
    return [name, value] as const;
  });
  return { ...Object.fromEntries(checked), output: spec.output };
}

function parseOutputs(step: string, text: string): Record<string, Json> {
  try {
    const value = JSON.parse(text) as Json;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Reported below, with what was found.
  }
  throw failure('InvalidInput', `step ${step} wrote outputs that are not one JSON object, found ${text.slice(0, 80)}`);
}

function hasType(value: Json, type: OutputType): boolean {
  switch (type) {
    case 'int':
      return Number.isSafeInteger(value);
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'uri':
      return typeof value === 'string' && /^(gs:\/\/|file:\/\/\/)/.test(value);
    case 'table':
      return typeof value === 'string' && /^[\w-]+(\.[\w-]+){1,2}$/.test(value);
    case 'string':
      return typeof value === 'string';
    case 'json':
      return true;
  }
}

function costOf(end: JobEnd, pool: Pool): number {
  const { pricePerHour } = inFlavor(pool, end.flavor);
  return end.startedAt === null ? 0 : ((end.endedAt - end.startedAt) / 1000 / SECONDS_PER_HOUR) * pricePerHour;
}

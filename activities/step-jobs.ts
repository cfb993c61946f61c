/** Container and script steps: one Job an attempt, watched until it ends, adopted by the next worker when this one goes. */
import { classifyEnd } from '../src/rules/attempt-ends.ts';
import { stepJobName } from '../src/contract/ids.ts';
import type { AttemptVerdict, ContainerSpec, JobEnd, JobSpec, Json, OutputType, Pool, ScriptSpec } from '../src/contract/index.ts';
import type { ObjectStore, Ports } from '../src/ports/index.ts';
import { canonicalJson, sha256 } from '../src/contract/canonical-json.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { WorkInput } from './queries.ts';
import { storageEnvironment } from './storage-environment.ts';

const DEFAULT_GRACE_SECONDS = 15;
const SECONDS_PER_HOUR = 3600;
/** Far above what the step may hand on (activities/steps.ts), far below what hurts. */
const MOST_OUTPUT_BYTES = 1024 * 1024;

export interface StepJobInput extends WorkInput<ContainerSpec | ScriptSpec> {
  /** Counted by the workflow, never Temporal's retry count. */
  readonly attempt: number;
  readonly pool: Pool;
  readonly noCapacitySeconds: number;
  readonly deadlineSeconds: number | null;
}

export type StepJobName = Pick<StepJobInput, 'profile' | 'run' | 'step' | 'attempt'>;

export interface StepJobEnd {
  readonly verdict: AttemptVerdict;
  readonly cause: string;
  readonly job: string;
  readonly image: string | null;
  readonly outputs: Record<string, Json>;
  readonly cost: number;
  readonly logTail: string;
}

export const createStepJobActivities = (ports: Ports) =>
  translated({
    async runStepJob(input: StepJobInput): Promise<StepJobEnd> {
      return withHeartbeat(async (context) => {
        const store = await ports.store(input.profile);
        const compute = await ports.compute(input.profile);
        const job = await jobOf(store, input);
        const { adopted } = await compute.create(job);
        context.progress({ stage: adopted ? 'adopted' : 'created', job: job.name });
        const interrupted = AbortSignal.any([context.signal, context.detached]);
        try {
          const end = await compute.watch(job.name, {
            signal: interrupted,
            noCapacitySeconds: input.noCapacitySeconds,
            onStatus: (status) => {
              context.progress({ stage: status.message ?? status.phase, job: job.name });
            },
          });
          const { verdict, cause } = classifyEnd(end, {
            attempt: input.attempt,
            latest: null,
            hasResult: true,
            stopRequested: false,
            silentSeconds: null,
            newerAttempt: null,
          });
          const outputs = verdict === 'succeeded' ? await outputsOfJob(store, input) : {};
          if (end.notStarted) await compute.remove(job.name);
          return {
            verdict,
            cause,
            job: job.name,
            image: end.image,
            outputs,
            cost: costOf(end, input.pool),
            logTail: verdict === 'succeeded' ? '' : end.logTail,
          };
        } catch (error) {
          if (context.signal.aborted) await compute.remove(job.name);
          throw error;
        }
      });
    },

    /** Ends the Job of an attempt, if there is one, and forgets it. */
    async removeStepJob({ profile, run, step, attempt }: StepJobName): Promise<void> {
      await withHeartbeat(async () => (await ports.compute(profile)).remove(stepJobName(run, step, attempt)));
    },
  });
export type StepJobActivities = ReturnType<typeof createStepJobActivities>;

async function jobOf(store: ObjectStore, input: StepJobInput): Promise<JobSpec> {
  const { spec, attempt } = input;
  const { compute } = input.profile;
  const program =
    spec.kind === 'container'
      ? { image: spec.image, command: spec.command, env: spec.env }
      : { command: ['python', '-m', 'longhaul_script'], env: { LONGHAUL_SCRIPT: await keepScript(store, spec) } };
  return {
    name: stepJobName(input.run, input.step, attempt),
    labels: { pipeline: input.pipeline, run: input.run, step: input.step, attempt: String(attempt) },
    ...program,
    env: {
      ...storageEnvironment(input.profile),
      ...program.env,
      LONGHAUL_INPUTS: JSON.stringify(spec.inputs),
      LONGHAUL_OUTPUT: place(spec.output),
      LONGHAUL_OUTPUTS: place(outputsUri(input)),
      LONGHAUL_ATTEMPT: String(attempt),
    },
    resources: spec.resources,
    pool: input.pool,
    graceSeconds: compute.kind === 'kubernetes' ? compute.graceSeconds : DEFAULT_GRACE_SECONDS,
    ...(input.deadlineSeconds === null ? {} : { deadlineSeconds: Math.ceil(input.deadlineSeconds) }),
  };
  /** Containers of any language read a path more easily than a URI; our own runner takes both. */
  function place(uri: string): string {
    return spec.kind === 'container' ? uri.replace(/^file:\/\//, '') : uri;
  }
}

/** The script goes through the object store: it may be larger than an environment variable, and names itself by its content. */
async function keepScript(store: ObjectStore, spec: ScriptSpec): Promise<string> {
  const script = canonicalJson({
    language: spec.language,
    file: spec.file,
    source: spec.source,
    requirements: spec.requirements,
    outputs: Object.keys(spec.outputs),
  });
  const uri = `${store.root}/scripts/${sha256(script).slice(0, 32)}.json`;
  if (!(await store.stat(uri))) await store.write(uri, script, { contentType: 'application/json' });
  return uri;
}

/** One for each attempt, so that an attempt that failed later than it wrote leaves nothing to be mistaken. */
const outputsUri = (input: StepJobInput): string => `${input.spec.output}/outputs-${input.attempt}.json`;

async function outputsOfJob(store: ObjectStore, input: StepJobInput): Promise<Record<string, Json>> {
  const { spec } = input;
  const declared = Object.entries(spec.outputs);
  const object = declared.length === 0 ? null : await store.read(outputsUri(input), { maxBytes: MOST_OUTPUT_BYTES });
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
  return end.startedAt === null ? 0 : ((end.endedAt - end.startedAt) / 1000 / SECONDS_PER_HOUR) * pool.pricePerHour;
}

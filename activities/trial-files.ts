/** What lies under a trial's output (docs/trial-contract.md): written for the trainer, or read from it. */
import { auditBytesOf, DEFAULT_AUDIT } from '../src/contract/audit-policy.ts';
import { FeatureTable } from '../src/contract/features.ts';
import type { AttemptInput } from '../src/contract/attempts.ts';
import { Latest, ProgressRecord, Ready, TrialJson, TrialResult } from '../src/contract/trial.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { z } from 'zod';
import { AdapterError } from '../src/contract/errors.ts';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import { parseTrainerJson } from '../src/contract/trainer-json.ts';
import { severalNodes } from '../src/rules/gang.ts';
import { failure } from './failures.ts';

const KIB = 1024;
/** A trainer's records and results, in part carried in histories, which take 2 MiB at most. */
const MAX_RECORD_BYTES = 256 * KIB;
/** LATEST lists each file of a checkpoint. */
const MAX_LATEST_BYTES = 4096 * KIB;

const trialJsonUri = (output: string): string => `${output}/trial.json`;
const progressUri = (output: string, n: number): string => `${output}/progress/${n}.json`;
export const exportUri = (output: string, name: string): string => `${output}/exports/${name}`;

/** What makes two documents the same trial. Everything else is how it is run, and a later release may add to it. */
const TRIAL_IDENTITY = [
  'pipeline',
  'run',
  'step',
  'trial',
  'seed',
  'parameters',
  'data',
  'output',
  'epochs',
  'objective',
  'model',
  'fork',
] as const satisfies readonly (keyof TrialJson)[];

/**
 * Writes trial.json unless it is there. A trial keeps the document that it began with, but for what was learnt about preemptions: its
 * container's image may be older than this worker.
 *
 * @throws failure('InvalidInput') when there is one of another trial
 */
export async function writeTrialJson(store: ObjectStore, input: AttemptInput): Promise<string> {
  const uri = trialJsonUri(input.trial.output);
  const { features } = input.trial.spec;
  const wanted = trialJson(input, features === undefined ? null : await readFeatures(store, features));
  const there = await store.read(uri);
  const text = there ? decode(there.data) : null;
  const found = text === null ? null : objectOf(text);
  const different = found && TRIAL_IDENTITY.find((field) => canonicalJson(found[field] ?? null) !== canonicalJson(wanted[field] ?? null));
  if (different)
    throw failure(
      'InvalidInput',
      `${uri} belongs to another trial (its ${different} differs); give the search another output, or remove that prefix`,
    );
  const next = canonicalJson(found ? withLearnt(found, wanted) : wanted);
  if (next !== text) await store.write(uri, next, { contentType: 'application/json' });
  return uri;
}

type Fields = Readonly<Record<string, unknown>>;

/** Null: it is none, and is written anew. */
function objectOf(text: string): Fields | null {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function withLearnt(found: Fields, { checkpoint }: TrialJson): Fields {
  const before = typeof found['checkpoint'] === 'object' ? found['checkpoint'] : {};
  return { ...found, checkpoint: { ...before, meanSecondsBetweenPreemptions: checkpoint.meanSecondsBetweenPreemptions } };
}

function trialJson(input: AttemptInput, table: FeatureTable | null): TrialJson {
  const { trial } = input;
  const { spec } = trial;
  const { warehouse } = trial.profile;
  return TrialJson.parse({
    version: 1,
    pipeline: trial.pipeline,
    run: trial.run,
    step: trial.step,
    trial: trial.trial,
    seed: spec.seed,
    parameters: Object.fromEntries(Object.entries(trial.parameters).filter(([name]) => !(name in (trial.params ?? {})))),
    ...(trial.params === undefined ? {} : { params: trial.params }),
    data: spec.data,
    ...(table === null ? {} : { layout: table.layout, features: table.features }),
    output: trial.output,
    epochs: spec.epochs,
    validateEverySteps: spec.validateEverySteps,
    sampleCandidates: spec.sampleCandidates,
    objective: spec.objective.metric.startsWith('offline.') ? { metric: 'validation_loss', goal: 'minimize' } : spec.objective,
    checkpoint: { ...spec.checkpoint, meanSecondsBetweenPreemptions: input.meanSecondsBetweenPreemptions },
    exportEveryValidations: spec.exportEveryValidations,
    ...(warehouse.kind === 'bigquery' && warehouse.predict === 'bigquery-ml' ? { exportFor: 'bigquery-ml' } : {}),
    parts: spec.parts,
    threads: spec.threads,
    silenceSeconds: trial.profile.silenceSeconds,
    ...(spec.model === undefined ? {} : { model: spec.model }),
    ...(trial.fork === null ? {} : { fork: trial.fork }),
    ...severalNodes(spec.resources.nodes),
    ...(trial.repeat ? { repeat: trial.repeat } : auditOf(trial)),
    commit: trial.commit,
  });
}

/** Nothing is kept of a repetition, nothing where nobody wants it, and nothing of several ranks, which no audit trains again. */
function auditOf({ spec, profile, trial }: AttemptInput['trial']): Pick<TrialJson, 'audit'> {
  if ((spec.resources.nodes ?? 1) > 1) return {};
  const written = spec.audit ?? profile.audit;
  const { share } = written ?? DEFAULT_AUDIT;
  const maxBytes = auditBytesOf(trial, written !== undefined);
  return share > 0 ? { audit: { share, ...(maxBytes === undefined ? {} : { maxBytes }) } } : {};
}

async function readFeatures(store: ObjectStore, uri: string): Promise<FeatureTable> {
  const object = await store.read(uri);
  if (!object) throw failure('InvalidInput', `search.features: expected the feature table of a data set, found nothing at ${uri}`);
  return parsed(FeatureTable, object.data, uri);
}

export async function readLatest(store: ObjectStore, output: string): Promise<Latest | null> {
  return readJson(Latest, store, `${output}/checkpoints/LATEST`, MAX_LATEST_BYTES);
}

export async function readResult(store: ObjectStore, output: string): Promise<TrialResult | null> {
  return readJson(TrialResult, store, `${output}/result.json`, MAX_RECORD_BYTES);
}

/** Null when it is not there yet. A record that cannot be read is told of and passed over. */
export async function readProgress(store: ObjectStore, output: string, n: number): Promise<ProgressRecord | 'unreadable' | null> {
  try {
    const object = await store.read(progressUri(output, n), { maxBytes: MAX_RECORD_BYTES });
    return object && ProgressRecord.parse(parseTrainerJson(decode(object.data)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || (error instanceof AdapterError && error.type === 'BadData'))
      return 'unreadable';
    throw error;
  }
}

/** The best export that is ready, or else the newest. */
export async function findBestExport(store: ObjectStore, output: string): Promise<string | null> {
  let found: { name: string; ready: Ready } | null = null;
  for await (const object of store.list(`${output}/exports/`)) {
    const name = /\/exports\/([^/]+)\/READY$/.exec(object.uri)?.[1];
    const ready = name === undefined ? null : await readJson(Ready, store, object.uri, MAX_RECORD_BYTES);
    if (name === undefined || ready === null) continue;
    const beats =
      found === null || (ready.best && !found.ready.best) || (ready.best === found.ready.best && ready.step >= found.ready.step);
    if (beats) found = { name, ready };
  }
  return found && exportUri(output, found.name);
}

export async function readJson<T extends z.ZodType>(
  schema: T,
  store: ObjectStore,
  uri: string,
  maxBytes: number,
): Promise<z.infer<T> | null> {
  const object = await store.read(uri, { maxBytes });
  return object ? parsed(schema, object.data, uri) : null;
}

function parsed<T extends z.ZodType>(schema: T, data: Uint8Array, uri: string): z.infer<T> {
  let value: unknown;
  try {
    value = parseTrainerJson(decode(data));
  } catch {
    throw failure('BadData', `${uri}: expected JSON, found ${decode(data).slice(0, 60)}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw failure('BadData', `${uri} ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as docs/trial-contract.md says'}`);
}

const decode = (data: Uint8Array): string => new TextDecoder().decode(data);

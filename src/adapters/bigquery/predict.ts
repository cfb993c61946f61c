import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import { z } from 'zod';
import { Feature, FeatureTable } from '../../contract/features.ts';
import { isImported, MODEL_TYPES } from '../../rules/scorers.ts';
import type { ImportedKind } from '../../rules/scorers.ts';
import type { JobContext, PredictRequest, TableInfo } from '../../ports/warehouse.ts';
import { runScorer } from '../scorer.ts';
import type { Connection } from './client.ts';
import { runJob } from './jobs.ts';
import { identifier, jobIdOf, labelsOf, literal, quoted, tableRef } from './names.ts';
import { guard } from './queries.ts';
import { kmsOption } from './settings.ts';
import { helperExpiration, helperTable, loadParquet } from './sources.ts';
import { describe, descriptionOf, ensureDataset, expirationOf, expirationOption, fieldsOf, getTable, noteJob } from './tables.ts';

/** The model's output; the trainer's exports have this one. */
const OUTPUT = 'score';

/** Scores the test set into the destination: in BigQuery with ML.PREDICT, or by Longhaul's scorer and a load job where there is none. */
export async function predictTable(connection: Connection, request: PredictRequest, context: JobContext): Promise<TableInfo> {
  context.signal.throwIfAborted();
  const id = jobIdOf(request.jobId);
  const destination = tableRef(request.destination, connection.config.project);
  const existing = await guard(() => describe(connection, request.destination));
  if (existing?.job === id) return existing;
  await guard(() => ensureDataset(connection, destination.dataset));
  if (connection.config.predict === 'scorer') await withScorer(connection, request, id, context);
  else await guard(() => withBigqueryMl(connection, request, id, context));
  return guard(async () => {
    if ((await describe(connection, request.destination))?.job !== id)
      await noteJob(connection, request.destination, id, request.expirationDays);
    const made = await describe(connection, request.destination);
    if (!made) throw new AdapterError('Unavailable', `${request.destination} vanished after it was written`);
    return made;
  });
}

async function withScorer(connection: Connection, request: PredictRequest, id: string, context: JobContext): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-scores-'));
  const { store, config } = connection;
  const uri = `${store.root}/jobs/scores/${id}.parquet`;
  try {
    const local = join(directory, 'scores.parquet');
    await runScorer(request, local, context, storageEnvironment(connection));
    await store.upload(local, uri);
    const destination = tableRef(request.destination, config.project);
    await guard(() => loadParquet(connection, destination, [uri], id, context, labelsOf(request.labels)));
  } finally {
    await rm(directory, { recursive: true, force: true });
    await store.remove(uri);
  }
}

/** The Python clients find an emulator by this variable. */
const storageEnvironment = (connection: Connection): Record<string, string> =>
  connection.storageEndpoint === undefined ? {} : { STORAGE_EMULATOR_HOST: connection.storageEndpoint };

/** Imports the export's model, then predicts. https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create-tensorflow */
async function withBigqueryMl(connection: Connection, request: PredictRequest, id: string, context: JobContext): Promise<void> {
  const model = quoted(helperTable(connection, 'model', request.model));
  const labels = labelsOf(request.labels);
  await ensureDataset(connection, connection.config.dataset);
  const run = async (jobId: string, query: string): Promise<void> => {
    await runJob(
      connection,
      { id: jobId, configuration: { labels, query: { query, useLegacySql: false } }, stillThere: async () => false },
      context,
    );
  };
  const imported = await importedOf(connection, request.model);
  const features = await featureTableOf(connection, request.features);
  const path = imported.kind === 'saved-model' ? `${imported.path}/*` : imported.path;
  const inCandidate = await candidateColumns(connection, request, features);
  // Refused here, before a model is made.
  const statement = predictStatement(connection, request, id, { model, imported, features, inCandidate });
  await run(
    `${id}-model`,
    `CREATE OR REPLACE MODEL ${model}${schemaOf(imported, imported.features ?? features.features)} OPTIONS (model_type = '${MODEL_TYPES[imported.kind]}', ${[`model_path = ${literal(path)}`, expirationOption(helperExpiration()), ...kmsOption(connection.config)].join(', ')})`,
  );
  await run(id, statement);
}

interface Scoring {
  readonly model: string;
  readonly imported: Imported;
  readonly features: FeatureTable;
  /** Whether a column belongs to the candidate: one of the candidate hides one of the session. */
  readonly inCandidate: (column: string) => boolean;
}

function predictStatement({ config }: Connection, request: PredictRequest, id: string, scoring: Scoring): string {
  const { layout, features } = scoring.features;
  const rows = quoted(tableRef(request.table, config.project));
  const from = layout.kind === 'nested' ? `${rows} AS s, UNNEST(s.${identifier(layout.candidates)}) AS c` : `${rows} AS c`;
  const column = (name: string): string => `${scoring.inCandidate(name) ? 'c' : 's'}.${identifier(name)}`;
  const carried = {
    session: `${layout.kind === 'nested' ? 's' : 'c'}.${identifier(layout.session)}`,
    item: `c.${identifier(layout.item)}`,
    label: `c.${identifier(layout.label)}`,
    ...Object.fromEntries(request.columns.map((name) => [name, column(name)])),
  };
  // Under names of their own: a column may be an input of the model as well.
  const inside = Object.entries(carried).map(([name, expression]) => `${expression} AS ${identifier(`longhaul_${name}`)}`);
  const { imported } = scoring;
  const inputs =
    imported.kind === 'saved-model'
      ? features.map((feature) => `${inputOf(feature, column(feature.name))} AS ${identifier(feature.name)}`)
      : preparedInputs(imported, imported.features ?? features, column);
  const output = Object.keys(carried).map((name) => `${identifier(`longhaul_${name}`)} AS ${identifier(name)}`);
  return `CREATE OR REPLACE TABLE ${quoted(tableRef(request.destination, config.project))} OPTIONS (${[`description = ${literal(descriptionOf(id))}`, ...expirationOf(request), ...kmsOption(config)].join(', ')}) AS
SELECT ${[...output, `${imported.output === OUTPUT ? OUTPUT : identifier(imported.output)} AS score`].join(', ')} FROM ML.PREDICT(MODEL ${scoring.model}, (
SELECT ${[...inside, ...inputs].join(', ')} FROM ${from}))`;
}

async function candidateColumns(
  connection: Connection,
  request: PredictRequest,
  { layout }: FeatureTable,
): Promise<Scoring['inCandidate']> {
  if (layout.kind === 'flat') return () => true;
  const table = await getTable(connection, tableRef(request.table, connection.config.project));
  if (!table) throw new AdapterError('InvalidInput', `predict: there is no table ${request.table}`);
  const candidates = fieldsOf(table).find((field) => field.name === layout.candidates);
  if (!candidates) throw new AdapterError('InvalidInput', `predict: ${request.table} has no column ${layout.candidates}`);
  const names = new Set((candidates.fields ?? []).map((field) => field.name));
  return (column) => names.has(column);
}

/** The model takes missing values as its trainer did: the default for a number, the default's text for a category. */
function inputOf(feature: Feature, column: string): string {
  if (feature.type === 'numeric') return `CAST(IFNULL(${column}, ${Number(feature.default ?? 0)}) AS FLOAT64)`;
  return `IFNULL(CAST(${column} AS STRING), ${literal(feature.default === null ? '' : String(feature.default))})`;
}

/** What of an export is imported, and what it takes. */
interface Imported {
  readonly kind: ImportedKind;
  /** URI of the folder of a SavedModel, or of the model's file. */
  readonly path: string;
  readonly output: string;
  /** Name of the one input that takes all features as an array; absent: an input for each. */
  readonly input: string | undefined;
  /** As the model was trained; those of the feature table where READY has none. */
  readonly features: readonly Feature[] | undefined;
  readonly normalise: boolean;
}

/** READY says it; exports of earlier releases name their SavedModel. */
async function importedOf({ store }: Connection, model: string): Promise<Imported> {
  const ready = await store.read(`${model}/READY`);
  if (!ready) throw new AdapterError('InvalidInput', `${model}: expected a model export with READY, found none`);
  const parsed = Ready.safeParse(JSON.parse(Buffer.from(ready.data).toString('utf8')));
  if (!parsed.success)
    throw new AdapterError('InvalidInput', `${model}/READY: ${parsed.error.issues[0]?.message ?? 'not what a trainer writes'}`);
  const { savedModel = 'saved_model', scorer = {} } = parsed.data;
  const { kind = 'saved-model', file, output = OUTPUT, input, features, normalise = true } = scorer;
  if (!isImported(kind)) throw new AdapterError('InvalidInput', `${model}: BigQuery ML imports no model of kind ${kind}`);
  return { kind, path: `${model}/${file ?? savedModel}`, output, input, features, normalise };
}

const Ready = z.looseObject({
  savedModel: z.string().optional(),
  scorer: z
    .looseObject({
      kind: z.string().optional(),
      file: z.string().optional(),
      output: z.string().optional(),
      input: z.string().optional(),
      normalise: z.boolean().optional(),
      features: z.array(Feature).optional(),
    })
    .optional(),
});

/** https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create-xgboost: the file need not know its features' names. */
function schemaOf({ kind, output }: Imported, features: readonly Feature[]): string {
  if (kind !== 'xgboost') return '';
  return ` INPUT(${features.map(({ name }) => `${identifier(name)} FLOAT64`).join(', ')}) OUTPUT(${identifier(output)} FLOAT64)`;
}

/** The features as other formats than a SavedModel, which has its preparation inside, were trained on them. */
function preparedInputs(imported: Imported, features: readonly Feature[], column: (name: string) => string): string[] {
  const values = features.map((feature) => {
    const { name, type, mean = 0, stddev } = feature;
    if (type === 'categorical')
      throw new AdapterError(
        'InvalidInput',
        `the model takes the bucket of ${name}, which BigQuery does not compute; leave ${imported.kind} out of warehouse.imports, so that a Job scores`,
      );
    const value = inputOf(feature, column(name));
    return [name, imported.normalise && stddev ? `(${value} - ${mean}) / ${stddev}` : value] as const;
  });
  if (imported.input !== undefined) return [`[${values.map(([, value]) => value).join(', ')}] AS ${identifier(imported.input)}`];
  return values.map(([name, value]) => `${value} AS ${identifier(name)}`);
}

async function featureTableOf({ store }: Connection, uri: string): Promise<FeatureTable> {
  const found = await store.read(uri);
  if (!found) throw new AdapterError('InvalidInput', `${uri}: there is no such object; expected features.json of the data set`);
  return FeatureTable.parse(JSON.parse(Buffer.from(found.data).toString('utf8')));
}

import { z } from 'zod';
import { PLAIN_RULES, RULE_FIELDS } from './checks.ts';
import { FeatureTable } from './features.ts';
import { ApprovalSpec, ContainerSpec, EvaluateSpec, ExportSpec, QuerySpec, ScriptSpec } from './steps.ts';
import { Duration, inUnits } from './unit-fields.ts';
import { Json, Name, OutputType, Scalar } from './values.ts';
import { BudgetInFile, ResourcesInFile } from './written.ts';
import { Alias, common, CustomMetrics, FilePath, ScorerInFile, shippedFields, Sql, Variable } from './pipeline-fields.ts';
import { SearchFile, TrainFile } from './pipeline-search.ts';

/** A value with a declared type: a parameter of a pipeline or an input of a component. */
export const Declaration = z.strictObject({
  type: OutputType.optional().describe('Taken from the default where absent'),
  default: Json.optional().describe('Without a default the value must be given'),
  description: z.string().optional(),
  choices: z.array(Scalar).min(1).optional().describe('The only values allowed'),
});
export type Declaration = z.infer<typeof Declaration>;

const Declarations = z.record(Variable, z.union([Scalar, z.array(Json), Declaration]));

const QueryValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(Json),
  z.strictObject({ type: z.string(), value: Json }).describe('With its GoogleSQL type, e.g. { type: DATE, value: 2024-01-01 }'),
]);

const QueryFile = z.strictObject({
  kind: z.literal('query'),
  ...common,
  sql: Sql,
  with: z.record(Variable, QueryValue).optional().describe('Query parameters, @name in the SQL'),
  tables: z.record(Alias, z.string()).optional().describe('Tables that the SQL reads, {alias} in it'),
  sources: z.record(Alias, z.string()).optional().describe('Parquet files or prefixes that the SQL reads, {alias} in it'),
  destination: z.string().optional().describe('dataset.table; the default holds {key}, so that other content has another table'),
  features: z.union([FilePath, FeatureTable]).optional().describe('Feature table: path or inline'),
  statistics: QuerySpec.shape.statistics.optional(),
  partitionBy: z
    .union([z.string(), z.strictObject({ column: z.string(), granularity: z.enum(['HOUR', 'DAY', 'MONTH', 'YEAR']).optional() })])
    .optional(),
  clusterBy: z.union([z.string(), z.array(z.string()).max(4)]).optional(),
  expiration: inUnits('d', QuerySpec.shape.expirationDays).describe('BigQuery removes the table after so long'),
  maximumBytesBilled: QuerySpec.shape.maximumBytesBilled,
});

const { partSizeMb, ...exportFields } = ExportSpec.shape;
const ExportFile = z.strictObject({
  ...exportFields,
  ...common,
  partSize: inUnits('Mi', partSizeMb).describe('Of each part, default 64Mi'),
  destination: z.string().optional().describe('Prefix URI, default {storage}/{pipeline}/{step}/{key}'),
});

const EvaluateFile = z.strictObject({ ...EvaluateSpec.shape, ...common, scorer: ScorerInFile, customMetrics: CustomMetrics });

const [rows, nulls, defaults, range, cardinality, unique, freshness, ...otherRules] = PLAIN_RULES;
const { maxHours, ...freshnessFields } = freshness.shape;
const Freshness = z.strictObject({ ...freshnessFields, maxAge: inUnits('h', maxHours).unwrap() });

const SqlRule = z.strictObject({
  check: z.literal('sql'),
  ...RULE_FIELDS,
  sql: Sql.describe('GoogleSQL over {table} that returns the bad rows'),
  max: z.int().nonnegative().optional().describe('So many are allowed, default none'),
});

const CheckFile = z.strictObject({
  kind: z.literal('check'),
  ...common,
  table: z.string().describe('What is checked'),
  rules: z
    .array(z.discriminatedUnion('check', [rows, nulls, defaults, range, cardinality, unique, Freshness, ...otherRules, SqlRule]))
    .min(1),
});

const ContainerFile = z.strictObject({
  ...ContainerSpec.shape,
  ...shippedFields,
  command: ContainerSpec.shape.command.optional().describe('What is run; of a single file of code it may be left out'),
  ...common,
  resources: ResourcesInFile.optional(),
  output: z.string().optional().describe('Prefix URI that the container may write to, default {storage}/{pipeline}/{step}/{key}'),
});

const ScriptFile = z.strictObject({
  kind: z.literal('script'),
  ...common,
  file: FilePath,
  language: ScriptSpec.shape.language.optional().describe('By the name of the file where absent: .py, .sh'),
  requirements: ScriptSpec.shape.requirements.optional().describe('pip requirements, pinned'),
  secrets: ScriptSpec.shape.secrets,
  inputs: ScriptSpec.shape.inputs.optional(),
  outputs: ScriptSpec.shape.outputs.optional().describe('name: type'),
  output: z.string().optional().describe('Prefix URI that the script may write to, default {storage}/{pipeline}/{step}/{key}'),
  resources: ResourcesInFile.optional(),
});

const ApprovalFile = z.strictObject({
  kind: z.literal('approval'),
  ...common,
  message: z.string().min(1),
  timeout: Duration.optional().describe('How long a person has, default 7d'),
  onTimeout: z.enum(['reject', 'approve']).optional(),
  approvers: ApprovalSpec.shape.approvers.describe('Whose signed answers count, by name or e-mail address; anybody’s where absent'),
  fourEyes: ApprovalSpec.shape.fourEyes.describe('Two persons must approve, each with a signature'),
});

/** A component: another file's steps in the place of this one. */
const UsesFile = z.strictObject({
  ...common,
  uses: FilePath,
  with: z.record(Variable, Json).optional().describe('Inputs of the component'),
});

/** By kind; the compiler picks one, so that its messages are about that kind only. */
export const STEP_FILES = {
  query: QueryFile,
  export: ExportFile,
  search: SearchFile,
  train: TrainFile,
  evaluate: EvaluateFile,
  check: CheckFile,
  container: ContainerFile,
  script: ScriptFile,
  approval: ApprovalFile,
} as const;

export const StepFile = z.union([
  z.discriminatedUnion('kind', [
    QueryFile,
    ExportFile,
    SearchFile,
    TrainFile,
    EvaluateFile,
    CheckFile,
    ContainerFile,
    ScriptFile,
    ApprovalFile,
  ]),
  UsesFile,
]);

const Steps = z.record(Name, StepFile);

export const PipelineFile = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1),
  name: Name.describe('Becomes part of table names, paths, Job names and workflow ids'),
  description: z.string().optional(),
  extends: FilePath.optional().describe(
    'A pipeline file that this one changes: maps are merged by key, anything else replaces, null removes',
  ),
  params: Declarations.optional().describe('Typed values, overridable by --set params.NAME=value'),
  budget: BudgetInFile.optional(),
  steps: Steps,
  onExit: Steps.optional().describe('Steps that run when the others have ended, however they ended; their `when` may use run.status'),
});

export const ComponentFile = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1).optional(),
  name: Name.optional(),
  description: z.string().optional(),
  inputs: Declarations.optional(),
  step: StepFile.optional().describe('One step, which takes the place of the step that uses the component'),
  steps: Steps.optional(),
  outputs: z.record(Variable, z.string()).optional().describe('name: reference, e.g. "{steps.parts.outputs.uri}"'),
});

/** Wherever a number, switch, list or map of values stands, one reference may stand instead. */
type Templated<T> = T extends string
  ? T | (string & {})
  : T extends number | boolean
    ? T | `{${string}}`
    : T extends readonly (infer E)[]
      ? Templated<E>[] | `{${string}}`
      : T extends object
        ? { [K in keyof T]: Templated<T[K]> } | (string extends keyof T ? `{${string}}` : never)
        : T;

type Fields<T> = { [K in keyof T]: K extends 'kind' | 'version' | 'type' ? T[K] : Templated<T[K]> };
type StepInput = z.input<typeof StepFile> extends infer S ? (S extends unknown ? Fields<S> : never) : never;

/**
 * A pipeline as TypeScript: `export const pipeline = { … } satisfies Pipeline;`
 * @example
 * export const pipeline = {
 *   version: 1,
 *   name: 'numbers',
 *   steps: { numbers: { kind: 'query', sql: { inline: 'SELECT 1 AS n' } } },
 * } satisfies Pipeline;
 */
export type Pipeline = Omit<z.input<typeof PipelineFile>, 'steps' | 'onExit'> & {
  steps: Record<string, StepInput>;
  onExit?: Record<string, StepInput>;
};

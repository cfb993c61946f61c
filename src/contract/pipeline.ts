import { z } from 'zod';
import { PLAIN_RULES, RULE_FIELDS } from './checks.ts';
import { FeatureTable } from './features.ts';
import { documentFields, STEP_RENAMES } from './earlier-names.ts';
import { HalvingScheduler, Objective, ParameterName, PopulationScheduler, Sampler, SpaceParameter, StoppingRule } from './search-space.ts';
import { ApprovalSpec, ContainerSpec, EvaluateSpec, ExportSpec, QuerySpec, ScriptSpec, SearchSpec } from './steps.ts';
import { Duration, inUnits } from './unit-fields.ts';
import { Json, Name, OutputType, Scalar } from './values.ts';
import { BudgetInFile, ResourcesInFile, TrialResourcesInFile } from './written.ts';

/**
 * The pipeline file as a person writes it (docs/pipeline.md). Texts may hold `{templates}`; where a number, a switch or a list
 * stands, a text that is exactly one reference (`"{params.trials}"`) may stand instead: templates are resolved before this schema is applied.
 */

const Variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name: letters, digits and _, not beginning with a digit');
const Alias = Variable;

const FilePath = z.string().min(1).describe('Path relative to the file in which it is written');
const CodePath = z
  .string()
  .min(1)
  .describe('Folder or file of the project that is shipped to where the step runs; .gitignore and .longhaulignore hold');
const shippedFields = {
  code: CodePath.optional(),
  requirements: z
    .union([FilePath, z.array(z.string().min(1)).min(1)])
    .optional()
    .describe('pip requirements of the code, pinned: path of a file, or the lines; installed once for each content and Python'),
  python: z.string().min(1).optional().describe('Interpreter of the machine or image that runs the code, e.g. /usr/bin/python3'),
};
const Names = z.union([z.string().min(1), z.array(z.string().min(1))]);

/** A value with a declared type: a parameter of a pipeline or an input of a component. */
export const Declaration = z.strictObject({
  type: OutputType.optional().describe('Taken from the default where absent'),
  default: Json.optional().describe('Without a default the value must be given'),
  description: z.string().optional(),
  choices: z.array(Scalar).min(1).optional().describe('The only values allowed'),
});
export type Declaration = z.infer<typeof Declaration>;

const Declarations = z.record(Variable, z.union([Scalar, z.array(Json), Declaration]));

export const ForEach = z.union([
  z.record(Variable, z.array(Scalar).min(1)).describe('One variable with its values; of several, every combination'),
  z.array(z.record(Variable, Json)).min(1).describe('One object of variables for each instance'),
]);

const common = {
  description: z.string().optional(),
  after: Names.optional().describe('Steps that must end first, besides those that are referred to'),
  when: z
    .union([z.string().min(1), z.boolean()])
    .optional()
    .describe('Condition, e.g. steps.evaluate.outputs.ndcg_at_10 > 0.5'),
  forEach: ForEach.optional().describe('One template, many parameters'),
  retry: z.strictObject({ attempts: z.int().min(1).max(100).optional(), backoff: Duration.optional() }).optional(),
  timeout: Duration.optional(),
  cache: z.boolean().optional().describe('false: always run again'),
};

const QueryValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(Json),
  z.strictObject({ type: z.string(), value: Json }).describe('With its GoogleSQL type, e.g. { type: DATE, value: 2024-01-01 }'),
]);

const Sql = z
  .union([FilePath, z.strictObject({ inline: z.string().min(1) })])
  .describe('Path of a GoogleSQL file, or { inline: "SELECT …" }');

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

const CustomMetrics = z.array(Sql).optional().describe('GoogleSQL over {scores}, one row, each column a metric');

const ScorerInFile = z
  .strictObject({ ...EvaluateSpec.shape.scorer.unwrap().shape, resources: ResourcesInFile.optional() })
  .optional()
  .describe('The Job that scores with a model export: its image and machine');

const ObjectiveInFile = z.strictObject({
  metric: Objective.shape.metric.describe("Name in the trial's metrics; `offline.` before it for early evaluation"),
  direction: Objective.shape.goal,
});

const [median, percentile, asha, hyperband, patience, divergence, overfitting, underfitting, wallClock, cost] = StoppingRule.options;
const { reductionFactor: ashaFactor, ...ashaFields } = asha.shape;
const { reductionFactor: hyperbandFactor, ...hyperbandFields } = hyperband.shape;
const PrunerInFile = z.discriminatedUnion('kind', [
  median,
  percentile,
  z.strictObject({ ...ashaFields, reduction_factor: ashaFactor }),
  z.strictObject({ ...hyperbandFields, reduction_factor: hyperbandFactor }),
  patience,
  divergence,
  overfitting,
  underfitting,
  z.strictObject({ kind: wallClock.shape.kind, time: inUnits('s', wallClock.shape.seconds).unwrap() }),
  cost,
]);

const { factor: schedulerFactor, kind: schedulerKind, ...schedulerFields } = HalvingScheduler.shape;
const SchedulerInFile = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.enum(['auto', ...schedulerKind.options]).describe('auto: asha where the search is large enough for it, else none'),
    ...schedulerFields,
    reduction_factor: schedulerFactor,
  }),
  PopulationScheduler,
]);

const {
  trials: plannedTrials,
  code: _code,
  requirements: _requirements,
  stopping: _stopping,
  objective: _objective,
  alsoOptimize: _alsoOptimize,
  scheduler: _scheduler,
  attemptDeadlineSeconds,
  checkpoint,
  earlyEvaluation,
  schedulerChoice: _schedulerChoice,
  sampler: _sampler,
  takesOver: _takesOver,
  promise: _promise,
  space: _space,
  dataBy: _dataBy,
  ...searchFields
} = SearchSpec.shape;

const { minSeconds, maxSeconds, ...checkpointFields } = checkpoint.unwrap().shape;
const { everySeconds, ...earlyEvaluationFields } = earlyEvaluation.unwrap().shape;

const { class: ownClass, options: ownOptions, code: _ownCode, requirements: _ownRequirements, ...samplerFields } = Sampler.shape;
const SamplerInFile = z.strictObject({
  ...samplerFields,
  class: ownClass.describe(
    'A sampler of one’s own instead of `kind`: module:Class of a sampler of Optuna, or of a function that returns one',
  ),
  options: ownOptions.describe('What it is made with; `seed` too, where it takes one'),
  code: CodePath.optional().describe('Folder or file with the module; where absent the `code` of the search, or an installed package'),
  requirements: shippedFields.requirements,
});

/** A param of the pipeline: the steps between it and the search are made for each of its values. */
const ParamInSpace = z.strictObject({
  type: z.literal('param'),
  choices: z.array(Scalar).min(1).optional().describe('Values that are tried; where absent the `choices` of the param'),
});

/** The names of the field (Optuna, Katib); what the run document calls otherwise: `searchOfFile`. */
const SearchFile = z.strictObject({
  ...searchFields,
  ...shippedFields,
  ...common,
  space: z
    .record(ParameterName, z.discriminatedUnion('type', [...SpaceParameter.options, ParamInSpace]))
    .describe('Hyper-parameters by name; type `param` tries values of the param of this name'),
  objective: ObjectiveInFile,
  alsoOptimize: z.array(ObjectiveInFile).default([]).describe('Further objectives'),
  n_trials: plannedTrials.describe('Trials to run'),
  pruner: z.array(PrunerInFile).default([]).describe('Rules that stop poor trials early; one rule needs no list'),
  sampler: SamplerInFile.prefault({}),
  scheduler: SchedulerInFile.optional().describe('Holds trials at rungs and lets the best go on, or trains a population'),
  output: z.string().optional().describe('Prefix URI, default {storage}/{pipeline}/{step}/{key}'),
  budget: BudgetInFile.optional(),
  resources: TrialResourcesInFile.optional().describe('Of each trial'),
  attemptDeadline: inUnits('s', attemptDeadlineSeconds).describe('An attempt that lasts longer is ended'),
  checkpoint: z
    .strictObject({
      ...checkpointFields,
      min: inUnits('s', minSeconds).describe('Never more often than this'),
      max: inUnits('s', maxSeconds).describe('Never more seldom than this'),
    })
    .optional(),
  earlyEvaluation: z
    .strictObject({
      ...earlyEvaluationFields,
      scorer: ScorerInFile,
      customMetrics: CustomMetrics,
      every: inUnits('s', everySeconds).describe('At most one in so long'),
    })
    .optional(),
});
export type SamplerInFile = z.output<typeof SamplerInFile>;
/** With the sampler's code shipped. */
type SearchInFile = Omit<z.output<typeof SearchFile>, 'sampler'> & { readonly sampler: Sampler };
type Early = NonNullable<SearchSpec['earlyEvaluation']>;
type AskedScheduler = PopulationScheduler | (Omit<HalvingScheduler, 'kind'> & { readonly kind: HalvingScheduler['kind'] | 'auto' });
export type SearchOfFile = Omit<SearchSpec, 'earlyEvaluation' | 'scheduler'> & {
  readonly earlyEvaluation?: Omit<Early, 'customMetrics'> & Pick<NonNullable<SearchInFile['earlyEvaluation']>, 'customMetrics'>;
  readonly scheduler?: AskedScheduler;
};

/** With the names of the run document, which are those of 0.1: workers and histories of then go on reading them. */
export const searchOfFile = (file: SearchInFile): SearchOfFile =>
  documentFields(STEP_RENAMES.search, withoutOneNode(file)) as unknown as SearchOfFile;

/** One machine is what a trial has anyway: its document, and what was made from it before, are the same with and without the word. */
function withoutOneNode({ resources, ...file }: SearchInFile): Omit<SearchInFile, 'resources'> & Partial<Pick<SearchInFile, 'resources'>> {
  if (resources === undefined) return file;
  const { nodes, ...others } = resources;
  return { ...file, resources: nodes === undefined || nodes === 1 ? others : resources };
}

/** One training: a search that has nothing to search. */
const TrainFile = SearchFile.omit({
  space: true,
  fixed: true,
  n_trials: true,
  parallel: true,
  sampler: true,
  scheduler: true,
  alsoOptimize: true,
  maxFailedTrials: true,
}).extend({
  kind: z.literal('train'),
  parameters: z.record(z.string(), Json).default({}).describe('What to train with, by name'),
});

export function searchOfTraining({ parameters, ...rest }: z.output<typeof TrainFile>): SearchOfFile {
  return searchOfFile({
    ...rest,
    kind: 'search',
    fixed: parameters,
    space: {},
    n_trials: 1,
    parallel: 1,
    // Given by hand, so that nobody is asked for a suggestion.
    sampler: Sampler.parse({ kind: 'random', enqueue: [{}] }),
    alsoOptimize: [],
  });
}

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

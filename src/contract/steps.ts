import { z } from 'zod';
import { AuditPolicy } from './audit-policy.ts';
import { CheckSpec } from './checks.ts';
import { SHIPPED } from './code.ts';
import { FeatureTable } from './features.ts';
import { RANKING_METRICS, TASKS } from './metrics.ts';
import { SECRETS } from './secrets.ts';
import { Resources, TrialResources } from './profile.ts';
import { Budget, MetricConstraint, Objective, Sampler, Scheduler, Space, StoppingRule } from './search-space.ts';
import { Template } from './template.ts';
import { Json, OutputType, QueryParameter, Scalar, StepId, Name } from './values.ts';

export const QuerySpec = z.strictObject({
  kind: z.literal('query'),
  /** GoogleSQL; `{alias}` stands for a table of `tables` or `sources`. */
  sql: z.string().min(1),
  /** The file it came from, for messages. */
  sqlFile: z.string(),
  parameters: z.record(z.string(), QueryParameter).default({}),
  tables: z.record(z.string(), Template).default({}),
  /** Parquet files that the SQL reads as tables. */
  sources: z.record(z.string(), Template).default({}),
  destination: Template,
  partitioning: z.strictObject({ column: z.string(), granularity: z.enum(['HOUR', 'DAY', 'MONTH', 'YEAR']).default('DAY') }).optional(),
  clustering: z.array(z.string()).max(4).default([]),
  expirationDays: z.number().positive().optional(),
  maximumBytesBilled: z.int().positive().optional(),
  features: FeatureTable.optional(),
  /** Compute mean and stddev of the numeric features of this data set. */
  statistics: z.boolean().default(false),
});
export type QuerySpec = z.infer<typeof QuerySpec>;

export const ExportSpec = z.strictObject({
  kind: z.literal('export'),
  table: Template,
  /** Prefix URI; the parts are `{destination}/part-*.parquet` with `manifest.json` beside them. */
  destination: Template,
  partSizeMb: z.number().positive().default(64),
  /** Where given, wins over the size: rows per part. */
  rowsPerPart: z.int().positive().optional(),
  compression: z.enum(['snappy', 'zstd', 'gzip', 'none']).default('snappy'),
  /** Inside a part; of whole sessions where `session` is given. */
  orderBy: z.array(z.string()).default([]),
  /** Column whose equal values stay together: rows go to parts by its hash, and lie next to each other. That of a flat feature table where absent. */
  session: z.string().optional(),
});
export type ExportSpec = z.infer<typeof ExportSpec>;

export const EvaluationSpec = z.strictObject({
  /** Table of the test set and its feature table. */
  table: Template,
  features: Template,
  /** The same test set as parquet parts, for the scorer of the embedded warehouse. */
  data: Template,
  k: z.array(z.int().positive()).min(1).default([10]),
  /** Of a ranking; `average_rank, mrr, ndcg, recall` where absent. */
  metrics: z.array(z.enum(RANKING_METRICS)).min(1).optional(),
  /** Column of the weight of an example; in a ranking of an ordered item: one over the propensity of its position, for example. */
  weight: z.string().min(1).optional(),
  segments: z.array(z.string()).default([]),
  /** Scored beside the model by one column of the candidates. */
  baseline: z.strictObject({ name: z.string(), column: z.string() }).optional(),
  /** Column of the units that are independent (households, users), of which one has several sessions: intervals are drawn by it. */
  cluster: z.string().optional(),
  bootstrap: z
    .strictObject({
      samples: z.int().positive().default(1000),
      seed: z.int().nonnegative().default(0),
      confidence: z.number().gt(0).lt(1).default(0.95),
    })
    .prefault({}),
  /** One's own metrics: GoogleSQL over `{scores}` (session, item, label, score, segments), one row, each column a metric. */
  customMetrics: z.array(z.strictObject({ file: z.string(), sql: z.string() })).default([]),
  /** Which way is better, of one's own metrics by name. */
  goals: z.record(z.string(), z.enum(['maximize', 'minimize'])).default({}),
  /** By metric: a loss that does not matter. Who is within it is "not worse". */
  margins: z.record(z.string(), z.number().positive()).default({}),
  /** The Job that scores with an export: its image (where absent that of the search which trained the model, else the profile's) and machine. */
  scorer: z.strictObject({ image: z.string().optional(), resources: Resources.prefault({}) }).optional(),
});
export type EvaluationSpec = z.infer<typeof EvaluationSpec>;

const Column = z.string().min(1);

export const EvaluateSpec = z.strictObject({
  kind: z.literal('evaluate'),
  ...EvaluationSpec.shape,
  task: z.enum(TASKS).default('ranking'),
  /** Model export to evaluate: `{steps.search.outputs.export}`; scored here, with `table`, `features` and `data`. */
  model: Template.optional(),
  table: Template.optional(),
  features: Template.optional(),
  data: Template.optional(),
  /** Scores that another step made, instead of `model`: one table, or several models' by name, the one that is evaluated first. */
  scores: z.union([Template, z.record(z.string(), Template)]).optional(),
  /** Columns of the tables of scores. `id` tells examples (items of a ranking) apart, `group` is the session of a ranking. */
  id: Column.default('id'),
  label: Column.default('label'),
  score: Column.default('score'),
  group: Column.optional(),
  time: Column.optional(),
  /** Multiclass: class → column of its probability. */
  classes: z.record(z.string(), Column).optional(),
  /** Forecast: column of the steps ahead, by which metrics are cut; column of the scale of a series (its naive error in training), for `mase`. */
  horizon: Column.optional(),
  scale: Column.optional(),
  /** Regression: the quantile of `pinball`. */
  quantile: z.number().gt(0).lt(1).default(0.5),
  /** Further exports or `champion`, for paired differences. */
  compareWith: z.array(Template).default([]),
});
export type EvaluateSpec = z.infer<typeof EvaluateSpec>;

/** Tables of scores by the name of their model; the one that is evaluated comes first. */
export function scoreTables({ scores }: Pick<EvaluateSpec, 'scores'>): { readonly name: string; readonly table: string }[] {
  if (scores === undefined) return [];
  if (typeof scores === 'string') return [{ name: 'model', table: scores }];
  return Object.entries(scores).map(([name, table], index) => ({ name: index === 0 ? 'model' : name, table }));
}

/** Persons as the control worker's file of signers, or a console's sign-in, names them. */
const Approvers = z.array(z.string().trim().min(1).max(320)).min(1).max(100);

export const SearchSpec = z.strictObject({
  kind: z.literal('search'),
  /** Data sets by name; `train` and `validation` for the reference trainer. */
  data: z.record(z.string(), Template).default({}),
  /** Absent: a trainer of one's own reads columns as they are. */
  features: Template.optional(),
  /** Whose signed answers and budgets count where it asks; anybody's where absent. */
  approvers: Approvers.optional().describe('Whose signed answers and budgets count, by name or e-mail address; anybody’s where absent'),
  /** Own image, code and command instead of the reference trainer. */
  image: z.string().optional(),
  command: z.array(z.string()).min(1).optional(),
  ...SHIPPED,
  /** `package:function` of a model for the reference trainer. */
  model: z.string().optional(),
  env: z.record(z.string(), z.string()).default({}),
  ...SECRETS,
  resources: TrialResources.prefault({}),
  objective: Objective,
  /** More objectives make the search multi-objective. */
  alsoOptimize: z.array(Objective).default([]),
  /** Trials that break one are trained and told to the sampler, and are neither the best nor on the front. */
  metricConstraints: z.array(MetricConstraint).min(1).optional(),
  space: Space,
  /**
   * Where the space chooses params of the pipeline: what each combination of them has made. A trial trains on the data of its own one; `data`, `features`
   * and the test set of `earlyEvaluation` are then those of the first.
   */
  dataBy: z
    .array(
      z.strictObject({
        params: z.record(z.string(), Scalar),
        data: z.record(z.string(), Template),
        features: Template.optional(),
        earlyEvaluation: EvaluationSpec.pick({ table: true, features: true, data: true }).optional(),
      }),
    )
    .min(1)
    .optional(),
  fixed: z.record(z.string(), Json).default({}),
  trials: z.int().positive(),
  parallel: z.int().positive().max(400).default(1),
  sampler: Sampler.prefault({}),
  stopping: z.array(StoppingRule).default([]),
  scheduler: Scheduler.optional(),
  /** The best `of` trials are trained again with `seeds` other seeds each, and the winner is chosen by the mean of these. */
  replicates: z.strictObject({ seeds: z.int().min(2).max(50), of: z.int().min(1).max(50) }).optional(),
  /** An ended search that this one goes on with: its trials, their checkpoints and what its sampler knew. `longhaul extend` writes it. */
  takesOver: z
    .strictObject({
      run: z.string(),
      step: StepId,
      /** Training is longer than it was there: finished trials go on too. */
      longer: z.boolean().default(false),
      /** Only these trials go on, to a point of their curves (null: to the end of training), whatever rules say: `longhaul replay-search --thaw` writes it. */
      thaw: z.array(z.strictObject({ trial: z.int().nonnegative(), points: z.int().positive().nullable() })).optional(),
    })
    .optional(),
  /** An end and a cost that it keeps to, by beginning fewer trials or by ending with what it has. `longhaul run --by … --cost …` writes it. */
  promise: z
    .strictObject({
      by: z.iso.datetime().optional(),
      cost: z.number().positive().optional(),
      /** What trials of earlier runs used: seconds of a machine, and cost. */
      samples: z.array(z.tuple([z.number().nonnegative(), z.number().nonnegative()])).default([]),
      /** The same of those that trained to their ends, where replicates are to come. */
      finished: z.array(z.tuple([z.number().nonnegative(), z.number().nonnegative()])).optional(),
    })
    .optional(),
  /** What `scheduler: { kind: auto }` was taken for, and why; absent where it was not asked for. */
  schedulerChoice: z.string().optional(),
  budget: Budget.prefault({}),
  seed: z.int().nonnegative().default(0),
  epochs: z.int().positive().default(1),
  validateEverySteps: z.int().nonnegative().default(0),
  sampleCandidates: z.int().nonnegative().default(0),
  exportEveryValidations: z.int().positive().default(1),
  checkpoint: z
    .strictObject({
      minSeconds: z.number().positive().default(5),
      maxSeconds: z.number().positive().default(1800),
      keep: z.int().positive().default(2),
    })
    .prefault({}),
  parts: z
    .strictObject({
      ahead: z.int().positive().default(4),
      /** Threads that decode; absent: as many as there are processors beside the training's, up to 4. */
      decoders: z.int().nonnegative().optional(),
      onBad: z.enum(['fail', 'skip']).default('fail'),
      badBudget: z.int().nonnegative().default(0),
    })
    .prefault({}),
  threads: z.int().positive().default(1),
  /** What is kept for `longhaul audit`; absent: as the profile says. */
  audit: AuditPolicy.optional(),
  /** Crashes (not preemptions) a trial may have. */
  maxCrashes: z.int().nonnegative().default(2),
  attemptDeadlineSeconds: z.int().positive().optional(),
  /** Pools of its trials, in the order of preference; `placement.order` of the profile when left out. */
  pools: z.array(Name).min(1).optional(),
  /** Trials that may fail before the search does. */
  maxFailedTrials: z.int().nonnegative().optional(),
  /** Prefix of the trials' outputs; `{output}/trial-7/…`. */
  output: Template,
  /** Early evaluation: offline metrics while training goes on. */
  earlyEvaluation: z
    .strictObject({
      ...EvaluationSpec.shape,
      everyExports: z.int().positive().default(1),
      everySeconds: z.number().nonnegative().default(0),
      /** Act when the metric is worse than the limit. */
      when: z
        .strictObject({ metric: z.string(), below: z.number().optional(), above: z.number().optional(), then: z.enum(['stop', 'ask']) })
        .optional(),
    })
    .optional(),
});
export type SearchSpec = z.infer<typeof SearchSpec>;

const declaredOutputs = z.record(z.string(), OutputType).default({});

export const ContainerSpec = z.strictObject({
  kind: z.literal('container'),
  /** Absent, which only shipped code may have: that of the profile. */
  image: z.string().optional(),
  command: z.array(Template).min(1),
  ...SHIPPED,
  env: z.record(z.string(), Template).default({}),
  ...SECRETS,
  resources: Resources.prefault({}),
  /** Inputs by name; the container finds them as JSON in LONGHAUL_INPUTS. */
  inputs: z.record(z.string(), Json).default({}),
  /** The container writes them as one JSON object to the file or URI in LONGHAUL_OUTPUTS. */
  outputs: declaredOutputs,
  output: Template,
});
export type ContainerSpec = z.infer<typeof ContainerSpec>;

export const ScriptSpec = z.strictObject({
  kind: z.literal('script'),
  language: z.enum(['python', 'shell']),
  file: z.string(),
  source: z.string(),
  /** pip requirements, pinned. */
  requirements: z.array(z.string()).default([]),
  ...SECRETS,
  inputs: z.record(z.string(), Json).default({}),
  outputs: declaredOutputs,
  /** A prefix that the script may write to, LONGHAUL_OUTPUT. */
  output: Template,
  resources: Resources.prefault({}),
});
export type ScriptSpec = z.infer<typeof ScriptSpec>;

export const ApprovalSpec = z.strictObject({
  kind: z.literal('approval'),
  message: Template,
  timeoutSeconds: z
    .number()
    .positive()
    .default(7 * 86_400),
  onTimeout: z.enum(['reject', 'approve']).default('reject'),
  approvers: Approvers.optional(),
  fourEyes: z.boolean().optional(),
});
export type ApprovalSpec = z.infer<typeof ApprovalSpec>;

export const StepSpec = z.discriminatedUnion('kind', [
  QuerySpec,
  ExportSpec,
  SearchSpec,
  EvaluateSpec,
  CheckSpec,
  ContainerSpec,
  ScriptSpec,
  ApprovalSpec,
]);
export type StepSpec = z.infer<typeof StepSpec>;
export type StepKind = StepSpec['kind'];

/** A condition, parsed when compiling. `ref` is `steps.ID.outputs.NAME`, `steps.ID.status` or, in onExit steps, `run.status`. */
export type Condition =
  | { op: 'ref'; ref: string }
  | { op: 'value'; value: string | number | boolean | null }
  | { op: '==' | '!=' | '<' | '<=' | '>' | '>=' | 'and' | 'or'; left: Condition; right: Condition }
  | { op: 'not'; operand: Condition };
export const Condition: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    z.strictObject({ op: z.literal('ref'), ref: z.string() }),
    z.strictObject({ op: z.literal('value'), value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
    z.strictObject({ op: z.enum(['==', '!=', '<', '<=', '>', '>=', 'and', 'or']), left: Condition, right: Condition }),
    z.strictObject({ op: z.literal('not'), operand: Condition }),
  ]),
);

export const Step = z.strictObject({
  id: StepId,
  /** Steps that must end first: `after`, and every step that is referred to. */
  dependsOn: z.array(StepId).default([]),
  when: Condition.optional(),
  retry: z
    .strictObject({ attempts: z.int().min(1).max(100).default(3), backoffSeconds: z.number().nonnegative().default(10) })
    .prefault({}),
  timeoutSeconds: z.number().positive().optional(),
  cache: z.boolean().default(true),
  /** One of several that one step stands for, as a search tries values of params of the pipeline: the step as it is written, and the values. */
  combination: z.strictObject({ of: StepId, params: z.record(z.string(), Scalar) }).optional(),
  /** Where it is written, for messages: file and line. */
  source: z.strictObject({ file: z.string(), line: z.int() }).optional(),
  spec: StepSpec,
});
export type Step = z.infer<typeof Step>;

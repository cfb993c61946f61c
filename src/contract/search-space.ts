import { z } from 'zod';
import { Code, Requirements } from './code.ts';
import { Scalar } from './values.ts';

/** Only where the named parameter has one of these values. */
const Condition = z.strictObject({ parameter: z.string(), in: z.array(Scalar).min(1) });

export const ParameterName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters (a to z), digits and _, no digit first');

export const SpaceParameter = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('float'),
    low: z.number(),
    high: z.number(),
    log: z.boolean().default(false),
    step: z.number().positive().optional(),
    when: Condition.optional(),
  }),
  z.strictObject({
    type: z.literal('int'),
    low: z.int(),
    high: z.int(),
    log: z.boolean().default(false),
    step: z.int().positive().optional(),
    when: Condition.optional(),
  }),
  /** Choices may be lists, e.g. the units of hidden layers. */
  z.strictObject({ type: z.literal('categorical'), choices: z.array(z.json()).min(1), when: Condition.optional() }),
]);
export type SpaceParameter = z.infer<typeof SpaceParameter>;

export const Space = z.record(ParameterName, SpaceParameter);
export type Space = z.infer<typeof Space>;

export const Sampler = z.strictObject({
  kind: z.enum(['auto', 'grid', 'random', 'sobol', 'tpe', 'gp', 'cmaes']).default('auto'),
  seed: z.int().nonnegative().default(0),
  /** One's own instead: `module:Class` of a sampler of Optuna, or of a function that returns one. */
  class: z
    .string()
    .regex(/^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$/, 'module:Class')
    .optional(),
  /** What the class is made with; `seed` too, where it takes one. */
  options: z.record(z.string(), z.json()).optional(),
  /** Where its module is; absent: in the sampler's own environment. */
  code: Code.optional(),
  requirements: Requirements.optional(),
  /** Random or Sobol trials before a model-based sampler takes over. */
  startupTrials: z.int().nonnegative().optional(),
  /** Constraints: expressions over parameters that must be <= 0, e.g. `layers * units - 2048`. */
  constraints: z.array(z.string()).default([]),
  /** First trials, given by hand. */
  enqueue: z.array(z.record(z.string(), z.json())).default([]),
  /** Runs in the ledger whose finished trials are told to the sampler first. */
  warmStart: z.array(z.string()).default([]),
});
export type Sampler = z.infer<typeof Sampler>;

export const Objective = z.strictObject({
  /** Name in the trial's metrics, e.g. `validation_ndcg_at_10`; `offline.` before it for early evaluation, e.g. `offline.ndcg_at_10`. */
  metric: z.string(),
  goal: z.enum(['maximize', 'minimize']),
});
export type Objective = z.infer<typeof Objective>;

/** What a trial has to keep to in order to be the best one: a metric that was measured, as a latency or a size. */
export const MetricConstraint = z
  .strictObject({ metric: z.string(), min: z.number().optional(), max: z.number().optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, 'expected min, max or both');
export type MetricConstraint = z.infer<typeof MetricConstraint>;

/** Which way of the rule's own metric is better; told from its name where absent (src/rules/metric-directions.ts). */
const Direction = z.enum(['maximize', 'minimize']);

/** Rules of stopping early. Steps are counted in validation points unless said otherwise. Sources: see `src/rules/early-stopping.ts`. */
export const StoppingRule = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('median'),
    startupTrials: z.int().nonnegative().default(5),
    warmupSteps: z.int().nonnegative().default(0),
    intervalSteps: z.int().positive().default(1),
    minTrials: z.int().positive().default(1),
  }),
  z.strictObject({
    kind: z.literal('percentile'),
    percentile: z.number().min(0).max(100),
    startupTrials: z.int().nonnegative().default(5),
    warmupSteps: z.int().nonnegative().default(0),
    intervalSteps: z.int().positive().default(1),
    minTrials: z.int().positive().default(1),
  }),
  z.strictObject({
    kind: z.literal('asha'),
    minResource: z.int().positive().default(1),
    reductionFactor: z.int().min(2).default(4),
    minEarlyStoppingRate: z.int().nonnegative().default(0),
  }),
  z.strictObject({
    kind: z.literal('hyperband'),
    minResource: z.int().positive().default(1),
    maxResource: z.int().positive(),
    reductionFactor: z.int().min(2).default(3),
  }),
  z.strictObject({ kind: z.literal('patience'), steps: z.int().positive(), minDelta: z.number().nonnegative().default(0) }),
  z.strictObject({ kind: z.literal('divergence'), metric: z.string().default('loss'), explodesBy: z.number().positive().default(10) }),
  z.strictObject({
    kind: z.literal('overfitting'),
    training: z.string().default('loss'),
    validation: z.string().default('validation_loss'),
    gap: z.number().positive(),
    steps: z.int().positive().default(3),
    direction: Direction.optional(),
  }),
  z.strictObject({
    kind: z.literal('underfitting'),
    metric: z.string(),
    worseThan: z.number(),
    afterSteps: z.int().positive(),
    direction: Direction.optional(),
  }),
  z.strictObject({ kind: z.literal('wall-clock'), seconds: z.number().positive() }),
  z.strictObject({ kind: z.literal('cost'), amount: z.number().positive() }),
]);
export type StoppingRule = z.infer<typeof StoppingRule>;

const Resource = z.enum(['samples', 'steps', 'epochs', 'seconds', 'points']);

/**
 * Successive halving with promotion: a trial is held at each rung (its place free, its checkpoint kept), and the best go on where they were held.
 * Without `promote` it stops what the rung does not let through, as the rules `asha` and `hyperband` do. Source: see `src/rules/halving.ts`.
 */
export const HalvingScheduler = z.strictObject({
  kind: z.enum(['asha', 'hyperband', 'sync-halving']),
  /** What rungs are counted in; points are validation points. */
  resource: Resource.default('points'),
  /** The first rung; the next ones are `factor` times as far. Where absent an eighth of training, or 1 where nobody knows how long that is. */
  min: z.number().positive().optional(),
  factor: z.number().min(2).default(2),
  /** Where training ends, in the resource, where that is not known from `epochs`; Hyperband's brackets need it. */
  max: z.number().positive().optional(),
  promote: z.boolean().default(true),
});
export type HalvingScheduler = z.infer<typeof HalvingScheduler>;

/**
 * Population based training: at each interval the poorest members are replaced by forks of the best, with hyper-parameters near to theirs. Source: see
 * `src/rules/population.ts`.
 */
export const PopulationScheduler = z.strictObject({
  kind: z.literal('pbt'),
  /** Members that train side by side, or in turns where there are fewer places. */
  population: z.int().min(2).max(1000),
  /** What intervals are counted in. */
  resource: Resource.default('epochs'),
  /** Of training between two comparisons. */
  interval: z.number().positive(),
  /** Share of the population that is replaced, and of those that it is forked from. */
  quantile_fraction: z.number().positive().max(0.5).default(0.25),
  /** `perturb`: near to the parent's; `resample`: drawn anew; `sampler`: as the sampler suggests. */
  explore: z.enum(['perturb', 'resample', 'sampler']).default('perturb'),
  /** Of `perturb`: a number is multiplied by one of these. */
  perturbation_factors: z.tuple([z.number().positive(), z.number().positive()]).default([0.8, 1.2]),
  /** Of `perturb`: share of the values that are drawn anew instead. */
  resample_probability: z.number().min(0).max(1).default(0.25),
  /** Parameters that are explored. Where absent all that the trainer can change between two intervals. */
  mutate: z.array(ParameterName).min(1).optional(),
});
export type PopulationScheduler = z.infer<typeof PopulationScheduler>;

export const Scheduler = z.discriminatedUnion('kind', [HalvingScheduler, PopulationScheduler]);
export type Scheduler = z.infer<typeof Scheduler>;

/** At a cap the search checkpoints its trials, pauses and asks. */
export const Budget = z.strictObject({
  cost: z.number().positive().optional(),
  hours: z.number().positive().optional(),
  trials: z.int().positive().optional(),
});
export type Budget = z.infer<typeof Budget>;

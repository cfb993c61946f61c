/** Search and training steps as a person writes them in the pipeline file, with the names of the field (Optuna, Katib), and as the run document has them. */
import { z } from 'zod';
import { documentFields, STEP_RENAMES } from './earlier-names.ts';
import { HalvingScheduler, Objective, ParameterName, PopulationScheduler, Sampler, SpaceParameter, StoppingRule } from './search-space.ts';
import { SearchSpec } from './steps.ts';
import { inUnits } from './unit-fields.ts';
import { Json, Scalar } from './values.ts';
import { BudgetInFile, TrialResourcesInFile } from './written.ts';
import { CodePath, common, CustomMetrics, ScorerInFile, shippedFields } from './pipeline-fields.ts';

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
export const SearchFile = z.strictObject({
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
export const TrainFile = SearchFile.omit({
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

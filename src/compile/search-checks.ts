/** What of a search can be known before its first training: names of metrics, values of the space, what constraints leave of it. */
import { metricNames } from '../contract/metrics.ts';
import type { RankingMetric } from '../contract/metrics.ts';
import type { SearchSpec } from '../contract/steps.ts';
import type { Objective, PopulationScheduler, Space } from '../contract/search-space.ts';
import { CONSTRAINT_FUNCTIONS, ConstraintError, parseConstraint, type Constraint } from '../rules/constraint-expression.ts';
import { endOfTraining, endsExactly } from '../rules/population.ts';
import { directionOf } from '../rules/metric-directions.ts';
import { drawnSets } from '../rules/space-draws.ts';
import { spaceProblems, setProblems, type SpaceProblem } from '../rules/space-problems.ts';
import { join, type Details, type Problems } from './problems.ts';
import { suggestion } from './suggest.ts';
import { child, type MapNode, type Node, type Place } from './tree.ts';

/** The parts of a search that are looked at; the file's and the run document's have them alike. */
type CheckedSearch = Pick<
  SearchSpec,
  | 'data'
  | 'objective'
  | 'alsoOptimize'
  | 'metricConstraints'
  | 'replicates'
  | 'space'
  | 'fixed'
  | 'sampler'
  | 'stopping'
  | 'scheduler'
  | 'trials'
  | 'validateEverySteps'
  | 'command'
  | 'image'
  | 'epochs'
> & {
  readonly earlyEvaluation?:
    | {
        readonly k: readonly number[];
        readonly metrics?: readonly RankingMetric[] | undefined;
        readonly customMetrics?: readonly unknown[] | undefined;
      }
    | undefined;
};

/** What the reference trainer writes with each validation point (longhaul_trainer/run.py). */
const TRAINING_METRICS = ['loss'];
const VALIDATION_METRICS = ['validation_loss', 'validation_ndcg_at_10', 'validation_mrr', 'validation_average_rank'];
const OFFLINE = 'offline.';
/** Enough to find one set in a thousand that is allowed, all but surely. */
const DRAWS = 10_000;

interface Checking {
  readonly search: CheckedSearch;
  readonly fields: MapNode;
  readonly path: string;
  readonly at: Place;
  readonly problems: Problems;
}

/** @param params of the space that are the pipeline's */
export function checkSearch(
  search: CheckedSearch,
  fields: MapNode,
  path: string,
  problems: Problems,
  params: readonly string[] = [],
): void {
  const checking: Checking = { search, fields, path, at: fields.at, problems };
  for (const problem of spaceProblems(search.space)) tell(checking, ['space'], problem);
  for (const [i, set] of search.sampler.enqueue.entries())
    for (const problem of setProblems(search.space, search.fixed, set)) tell(checking, ['sampler', 'enqueue', i], problem);
  checkConstraints(checking);
  checkMetrics(checking);
  checkScheduler(checking);
  const mutated = search.scheduler?.kind === 'pbt' ? search.scheduler.mutate?.find((name) => params.includes(name)) : undefined;
  if (mutated !== undefined)
    add(checking, ['scheduler', 'mutate'], 'a member goes on from a checkpoint, on the data that it began with', {
      expected: 'parameters of the training',
      found: `${mutated}, a param of the pipeline`,
    });
  if (search.replicates && search.alsoOptimize.length > 0)
    add(checking, ['replicates'], 'a winner by the mean has one objective', { hint: 'leave out alsoOptimize or replicates' });
}

function tell(checking: Checking, keys: readonly PropertyKey[], { path: deeper, message, ...details }: SpaceProblem): void {
  add(checking, [...keys, ...deeper], message, details);
}

/** At the place of the value, or of the nearest thing above it that was written. */
function add({ fields, path, problems }: Checking, keys: readonly PropertyKey[], message: string, details: Details): void {
  let node: Node = fields;
  let at = fields.at;
  for (const key of keys) {
    const next: Node | undefined = node.kind === 'list' ? node.items[Number(key)] : child(node, String(key));
    if (!next) break;
    node = next;
    at = next.at;
  }
  problems.add(at, join(path, ...keys), message, details);
}

function checkConstraints(checking: Checking): void {
  const { search } = checking;
  const texts = search.sampler.constraints;
  const read = texts.map((text, i) => readConstraint(checking, text, i));
  const constraints = read.filter((one) => one !== null);
  if (texts.length === 0 || constraints.length < texts.length || Object.keys(search.space).length === 0 || brokenRanges(search.space))
    return;
  let computed = 0;
  for (const set of drawnSets(search.space, DRAWS)) {
    const held = constraints.map((constraint) => constraint.holds(set));
    if (held.every((holds) => holds === true)) return;
    if (!held.includes(null)) computed += 1;
  }
  if (computed === 0)
    add(checking, ['sampler', 'constraints'], 'the constraints cannot be computed with the values of the space', {
      expected: 'arithmetic with numbers',
    });
  else
    add(checking, ['sampler', 'constraints'], 'the constraints leave nothing of the space', {
      expected: 'sets of parameters for which each of them is at most 0',
      found: `none among ${DRAWS} random ones`,
    });
}

/** These are told elsewhere. */
const brokenRanges = (space: Space): boolean =>
  Object.values(space).some(
    (parameter) => parameter.type !== 'categorical' && (parameter.low > parameter.high || (parameter.log && parameter.low <= 0)),
  );

function readConstraint(checking: Checking, text: string, i: number): Constraint | null {
  const names = Object.keys(checking.search.space);
  try {
    const constraint = parseConstraint(text);
    const unknown = constraint.names.find((name) => !names.includes(name));
    if (unknown === undefined) return constraint;
    add(checking, ['sampler', 'constraints', i], `there is no parameter "${unknown}" in the space`, suggestion(unknown, names));
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    add(checking, ['sampler', 'constraints', i], `no expression: ${error.message}`, {
      expected: `arithmetic over parameters, numbers and ${CONSTRAINT_FUNCTIONS.join(', ')}`,
      found: JSON.stringify(text),
    });
  }
  return null;
}

function checkMetrics(checking: Checking): void {
  const { search } = checking;
  const objectives = [search.objective, ...search.alsoOptimize];
  for (const [i, { metric }] of objectives.entries())
    checkMetric(checking, metric, i === 0 ? ['objective', 'metric'] : ['alsoOptimize', i - 1, 'metric'], true);
  const seen = new Map<string, number>();
  for (const [i, { metric }] of objectives.entries()) {
    if (seen.has(metric)) add(checking, ['alsoOptimize', i - 1, 'metric'], 'this is an objective already', { found: metric });
    seen.set(metric, i);
  }
  for (const [i, { metric, min, max }] of (search.metricConstraints ?? []).entries()) {
    checkMetric(checking, metric, ['metricConstraints', i, 'metric'], true);
    if (min !== undefined && max !== undefined && min > max)
      add(checking, ['metricConstraints', i], 'no value keeps to it', { expected: 'min below max', found: `${min} … ${max}` });
  }
  for (const [i, rule] of search.stopping.entries()) {
    if (rule.kind === 'divergence' || rule.kind === 'underfitting') checkMetric(checking, rule.metric, ['pruner', i, 'metric'], false);
    if (rule.kind === 'overfitting') {
      checkMetric(checking, rule.training, ['pruner', i, 'training'], false);
      checkMetric(checking, rule.validation, ['pruner', i, 'validation'], false);
    }
    checkDirection(checking, i, objectives);
  }
}

function checkMetric(checking: Checking, metric: string, keys: readonly PropertyKey[], objective: boolean): void {
  const { search } = checking;
  if (metric.startsWith(OFFLINE)) {
    if (objective && !search.earlyEvaluation)
      add(checking, keys, 'offline metrics come from early evaluation, which this search has not', {
        found: metric,
        hint: 'add earlyEvaluation',
      });
    else if (objective && search.earlyEvaluation && (search.earlyEvaluation.customMetrics ?? []).length === 0) {
      const known = metricNames(search.earlyEvaluation.k, search.earlyEvaluation.metrics).map((name) => OFFLINE + name);
      if (!known.includes(metric)) unknownMetric(checking, keys, metric, known, 'an early evaluation');
    }
    return;
  }
  const known = knownMetrics(search);
  if (known && !known.includes(metric)) unknownMetric(checking, keys, metric, known, 'the reference trainer');
}

/** Null: a trainer of one's own writes what it likes. */
function knownMetrics({ command, image, data, ...search }: CheckedSearch): readonly string[] | null {
  if (command !== undefined || image !== undefined || 'code' in search) return null;
  return 'validation' in data ? [...TRAINING_METRICS, ...VALIDATION_METRICS] : TRAINING_METRICS;
}

function unknownMetric(checking: Checking, keys: readonly PropertyKey[], metric: string, known: readonly string[], who: string): void {
  const needsValidation = VALIDATION_METRICS.includes(metric);
  add(checking, keys, `${who} has no metric "${metric}"`, {
    expected: `one of ${known.join(', ')}`,
    found: metric,
    ...(needsValidation ? { hint: 'it needs a data set named validation' } : hintOf(metric, known)),
  });
}

function hintOf(metric: string, known: readonly string[]): { readonly hint?: string } {
  const { hint } = suggestion(metric, known);
  return hint === undefined ? {} : { hint };
}

/** Rules that say "worse" must know which way that is. */
function checkDirection(checking: Checking, i: number, objectives: readonly Objective[]): void {
  const rule = checking.search.stopping[i];
  if (rule?.kind !== 'underfitting' && rule?.kind !== 'overfitting') return;
  const metric = rule.kind === 'underfitting' ? rule.metric : rule.validation;
  if (rule.direction !== undefined || directionOf(metric, objectives) !== null) return;
  add(checking, ['pruner', i], `whether more or less of ${metric} is better cannot be told from its name`, {
    expected: 'direction: maximize or minimize',
  });
}

/** Rules that decide at rungs, which a scheduler does in their place. */
const RUNG_RULES = ['asha', 'hyperband'];

function checkScheduler(checking: Checking): void {
  const { scheduler, stopping, alsoOptimize, epochs } = checking.search;
  if (!scheduler) return;
  const both = stopping.findIndex(({ kind }) => RUNG_RULES.includes(kind));
  if (both !== -1)
    add(checking, ['pruner', both], 'a pruner of rungs and a scheduler decide about the same trials', {
      found: `pruner: ${stopping[both]?.kind ?? ''} (stops) beside scheduler: ${scheduler.kind} (promotes)`,
      hint: 'leave one of them out; scheduler: { promote: false } stops at its rungs',
    });
  if (alsoOptimize.length > 0)
    add(checking, ['scheduler'], 'a scheduler orders trials by one objective', { hint: 'leave out alsoOptimize or scheduler' });
  if (scheduler.kind === 'pbt') return checkPopulation(checking, scheduler);
  const end = scheduler.max ?? (scheduler.resource === 'epochs' ? epochs : undefined);
  if (scheduler.kind === 'hyperband' && end === undefined)
    add(checking, ['scheduler', 'max'], '"max" is missing', {
      expected: `where training ends, in ${scheduler.resource}: brackets are shares of it`,
    });
  const { min, resource } = scheduler;
  if (min === undefined) return;
  if (end !== undefined && min >= end)
    add(checking, ['scheduler', 'min'], 'the first rung is not before the end of training', {
      expected: `less than ${end}`,
      found: String(min),
    });
  if (resource !== 'seconds' && !Number.isInteger(min))
    add(checking, ['scheduler', 'min'], 'not a whole number', { expected: `whole ${resource}`, found: String(min) });
}

function checkPopulation(checking: Checking, scheduler: PopulationScheduler): void {
  const { trials, space, fixed, replicates, objective } = checking.search;
  const { population, interval, resource, mutate } = scheduler;
  const wrong = (key: string, message: string, details: Details): void => {
    add(checking, ['scheduler', key], message, details);
  };
  if (trials < population)
    add(checking, ['n_trials'], 'fewer trials than the population has members', {
      expected: `at least ${population}; forks count as trials too`,
      found: String(trials),
    });
  const end = endOfTraining(checking.search);
  if (end !== null && interval >= end)
    wrong('interval', 'the first interval is not over before training ends', { expected: `less than ${end}`, found: String(interval) });
  if (resource !== 'seconds' && !Number.isInteger(interval))
    wrong('interval', 'not a whole number', { expected: `whole ${resource}`, found: String(interval) });
  const unknown = mutate?.find((name) => !Object.hasOwn(space, name));
  if (unknown !== undefined) wrong('mutate', `there is no parameter "${unknown}" in the space`, suggestion(unknown, Object.keys(space)));
  if (mutate?.length === 0)
    wrong('mutate', 'nothing of the space can be changed between two intervals', {
      expected: 'a parameter that fits the parent’s checkpoint, as learning_rate, dropout or l2',
      found: Object.keys(space).join(', '),
    });
  if (objective.metric.startsWith(OFFLINE))
    add(checking, ['objective', 'metric'], 'members are compared while they train, by a metric that the trainer writes', {
      found: objective.metric,
    });
  if (replicates)
    add(checking, ['replicates'], 'what a member came to is the work of several sets of parameters, one after the other', {
      hint: 'leave out replicates or scheduler',
    });
  const schedule = fixed.learning_rate_schedule;
  if (endsExactly(checking.search) && (schedule !== 'constant' || Object.hasOwn(space, 'learning_rate_schedule')))
    add(
      checking,
      ['fixed', 'learning_rate_schedule'],
      'a learning rate that depends on where training ends does not fit training by intervals',
      {
        expected: 'constant',
        found: JSON.stringify(schedule ?? 'cosine, the default'),
        hint: 'the population finds a schedule itself',
      },
    );
}

/** Which scheduler `auto` stands for. Pure. */
import type { HalvingScheduler, StoppingRule } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';

/** As written, before it is known what `auto` means. */
type AskedScheduler = Omit<HalvingScheduler, 'kind'> & { readonly kind: HalvingScheduler['kind'] | 'auto' };

type Search = Pick<SearchSpec, 'trials' | 'epochs' | 'validateEverySteps' | 'command' | 'objective' | 'alsoOptimize' | 'stopping'>;

interface SchedulerChoice {
  /** Null: none, trials train to their end. */
  readonly scheduler: HalvingScheduler | null;
  /** In words, for `plan`. */
  readonly why: string;
}

/**
 * With fewer of either, promotion lost the best model in more than one of twenty searches, or saved less than the pruner `median`: see the table of
 * docs/search.md, which `npm run bench -- search` makes.
 */
const FEWEST_TRIALS = 12;
const FEWEST_LEVELS = 4;

const OF_RUNGS: readonly StoppingRule['kind'][] = ['asha', 'hyperband'];

export function chooseScheduler(asked: AskedScheduler, search: Search): SchedulerChoice {
  const none = (why: string): SchedulerChoice => ({ scheduler: null, why: `no scheduler: ${why}` });
  const [rule] = search.stopping.filter(({ kind }) => OF_RUNGS.includes(kind));
  if (search.alsoOptimize.length > 0) return none('a scheduler orders trials by one objective, and there are several');
  if (search.objective.metric.startsWith('offline.')) return none('the objective is measured of exports, and not while a trial trains');
  if (rule) return none(`the pruner ${rule.kind} stops trials at rungs`);
  if (search.trials < FEWEST_TRIALS) return none(`${search.trials} trials are fewer than ${FEWEST_TRIALS}`);
  const { resource, end } = lengthOf(asked, search);
  if (end < FEWEST_LEVELS) return none(`training has ${end} ${resource}, which is fewer than ${FEWEST_LEVELS}`);
  return { scheduler: { ...asked, kind: 'asha', resource }, why: `asha, for ${search.trials} trials of ${end} ${resource}` };
}

/** Where points come between the ends of epochs, or as a trainer of one's own likes, nobody knows how many there will be. */
function lengthOf(
  { max, resource }: AskedScheduler,
  search: Search,
): { readonly resource: HalvingScheduler['resource']; readonly end: number } {
  if (max !== undefined) return { resource, end: max };
  const pointsAreEpochs = search.validateEverySteps === 0 && search.command === undefined;
  return { resource: pointsAreEpochs ? 'points' : 'epochs', end: search.epochs };
}

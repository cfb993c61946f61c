/** Names of a search's fields that were called otherwise before 0.2: the old ones are read, and `longhaul migrate` rewrites them. */
export interface Rename {
  readonly old: string;
  readonly now: string;
}

/** Of the step itself. */
export const STEP_RENAMES: readonly Rename[] = [
  { old: 'trials', now: 'n_trials' },
  { old: 'stopping', now: 'pruner' },
];
/** Of `objective` and of each of `alsoOptimize`. */
export const OBJECTIVE_RENAMES: readonly Rename[] = [{ old: 'goal', now: 'direction' }];
/** Of `scheduler`. */
export const SCHEDULER_RENAMES: readonly Rename[] = [{ old: 'factor', now: 'reduction_factor' }];
/** Of each rule of `pruner`. */
export const PRUNER_RENAMES: readonly Rename[] = [{ old: 'reductionFactor', now: 'reduction_factor' }];

/** Where in a step of kind search each name stands; a list at that place has them in each item. */
export const SEARCH_RENAMES: readonly { readonly at: readonly string[]; readonly renames: readonly Rename[] }[] = [
  { at: [], renames: STEP_RENAMES },
  { at: ['objective'], renames: OBJECTIVE_RENAMES },
  { at: ['alsoOptimize'], renames: OBJECTIVE_RENAMES },
  { at: ['pruner'], renames: PRUNER_RENAMES },
  { at: ['scheduler'], renames: SCHEDULER_RENAMES },
];

const documentName = (name: string): string => PRUNER_RENAMES.find(({ now }) => now === name)?.old ?? name;

/** A rule of `pruner` with the names of the run document, whichever it was given with; anything else as it is. */
export function withDocumentNames(rule: unknown): unknown {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return rule;
  return Object.fromEntries(Object.entries(rule).map(([name, value]) => [documentName(name), value]));
}

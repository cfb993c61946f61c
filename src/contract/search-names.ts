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
/** Of each rule of `pruner`. */
export const PRUNER_RENAMES: readonly Rename[] = [{ old: 'reductionFactor', now: 'reduction_factor' }];

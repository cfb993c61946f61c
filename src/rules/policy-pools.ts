/** Pools that teams share: how many attempts are in one at once is for the operator to say, and not for whoever asks. */
import type { Policy, Violation } from '../contract/policy.ts';
import type { Pool } from '../contract/profile.ts';

/** As a policy calls it. */
export const poolKey = ({ cluster, name }: Pick<Pool, 'cluster' | 'name'>): string => (cluster === undefined ? name : `${cluster}/${name}`);

/** What the operator says of it; undefined: nothing. */
export const sharedLimit = ({ pools = {} }: Policy, key: string): number | undefined =>
  Object.hasOwn(pools, key) ? pools[key] : undefined;

export function poolViolations(policy: Policy, pools: readonly Pool[]): Violation[] {
  if (policy.pools === undefined) return [];
  return pools.flatMap((pool, index): Violation[] => {
    const key = poolKey(pool);
    const limit = sharedLimit(policy, key);
    const refuse = (field: string, found: string, allowed: readonly string[]): Violation[] => [
      { rule: 'pools', path: `profile.pools.${index}.${field}`, found, allowed },
    ];
    if (limit === undefined) return pool.shared === true ? refuse('shared', key, Object.keys(policy.pools ?? {})) : [];
    if (pool.shared !== true) return refuse('shared', String(pool.shared ?? false), ['true']);
    return pool.maxAttempts === undefined ? refuse('maxAttempts', 'none', [`${limit}, or less for this run alone`]) : [];
  });
}

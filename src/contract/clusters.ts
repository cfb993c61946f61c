/** One run over pools of several clusters: each part of it knows one. */
import type { Compute, Pool, Profile } from './profile.ts';

/**
 * The profile as the work of one pool sees it: a profile with one cluster, so that whatever opens, names or asks something of it reaches the
 * cluster where the Job is, by the task queue of that one.
 *
 * @example profileIn(profile, pool).cluster === pool.cluster
 */
export function profileIn(profile: Profile, pool: Pick<Pool, 'cluster'>): Profile {
  const { clusters, ...one } = profile;
  const cluster = pool.cluster === undefined ? undefined : clusters?.[pool.cluster];
  if (clusters === undefined || pool.cluster === undefined || cluster === undefined) return profile;
  const { lostAfterSeconds: _lostAfter, ...compute } = cluster;
  return { ...one, compute, cluster: pool.cluster };
}

/** A profile for each cluster, the one of `compute` alone where there are no others. */
export function profilesByCluster(profile: Profile): readonly Profile[] {
  const { clusters } = profile;
  return clusters === undefined ? [profile] : Object.keys(clusters).map((cluster) => profileIn(profile, { cluster }));
}

/** The pools of a profile of one cluster, as `profileIn` makes it; all where the cluster has no name. */
export const poolsHere = ({ pools, cluster }: Profile): readonly Pool[] =>
  pools.filter((pool) => pool.cluster === undefined || pool.cluster === cluster);

/** Each once. @returns what Jobs may run on; none for processes */
export function trainerImages(profile: Profile): readonly string[] {
  const images = profilesByCluster(profile).flatMap(({ compute }: { compute: Compute }) =>
    compute.kind === 'kubernetes' ? [compute.image] : [],
  );
  return [...new Set(images)];
}

/** Names what is wrong in a document that no compiler made; null: nothing. */
export function clusterProblem({ clusters, pools }: Profile): string | null {
  const known = Object.keys(clusters ?? {});
  const wrong = pools.find((pool) => (clusters === undefined ? pool.cluster !== undefined : !known.includes(pool.cluster ?? '')));
  if (wrong === undefined) return null;
  const place = `profile.pools.${wrong.name}.cluster`;
  return clusters === undefined
    ? `${place}: this profile has no \`clusters\`, found ${wrong.cluster ?? ''}`
    : `${place}: expected one of ${known.join(', ')}, found ${wrong.cluster ?? 'none'}`;
}

/** Which cluster a pool is of: either `compute` is the one cluster of a profile, or `clusters` are named by pools. */
import type { z } from 'zod';
import type { Pool } from '../contract/profile.ts';
import type { ProfileInFile } from '../contract/written.ts';
import { join, type Problems } from './problems.ts';
import { suggestion } from './suggest.ts';
import { nearest, type MapNode } from './tree.ts';

const EXAMPLE = 'clusters: { eu-west1: { kind: kubernetes, context: gke_eu, … } }, and `cluster: eu-west1` in each pool';

type File = z.output<typeof ProfileInFile>;

/** @returns whether something is wrong */
export function tellClusterProblems({ compute, clusters, cluster, pools }: File, node: MapNode, problems: Problems): boolean {
  const before = problems.count;
  const tell = (path: readonly PropertyKey[], message: string, details: Parameters<Problems['add']>[3]): void =>
    problems.add(nearest(node, path).node.at, join('', ...path), message, details);
  const named = pools.flatMap((pool: Pool, i) => (pool.cluster === undefined ? [] : [{ i, name: pool.cluster }]));
  if (clusters === undefined) {
    if (compute === undefined) tell([], 'nothing says where Jobs run', { expected: `compute: { kind: … }; or ${EXAMPLE}` });
    for (const { i, name } of named) tell(['pools', i, 'cluster'], 'this profile has no `clusters`', { expected: EXAMPLE, found: name });
    return problems.count > before;
  }
  const known = Object.keys(clusters);
  if (compute !== undefined)
    tell(['compute'], '`compute` is the one cluster of a profile without `clusters`', { expected: 'one of the two', found: 'both' });
  if (cluster !== undefined)
    tell(['cluster'], 'the clusters of `clusters` have task queues by their own names', {
      found: cluster,
      hint: 'leave it out; training workers say theirs as LONGHAUL_CLUSTER',
    });
  if (known.length === 0) tell(['clusters'], 'there is no cluster in it', { expected: EXAMPLE });
  for (const { i, name } of named)
    if (!known.includes(name)) tell(['pools', i, 'cluster'], 'there is no such cluster', { found: name, ...suggestion(name, known) });
  for (const [i, pool] of pools.entries())
    if (pool.cluster === undefined && known.length > 0)
      tell(['pools', i], `the pool ${pool.name} names no cluster`, { expected: `cluster: ${known.join(' or ')}` });
  return problems.count > before;
}

/** Clusters of a profile, and whether a training worker of each asks for work. */
import type { Client } from '@temporalio/client';
import { profilesByCluster } from '../contract/clusters.ts';
import { TASK_QUEUES } from '../contract/names.ts';
import type { Profile } from '../contract/profile.ts';
import { queueOf, type Team } from '../contract/teams.ts';
import { servedActivities } from './served.ts';

export interface ClusterNow {
  /** null: the only one of a profile, without a name. */
  readonly cluster: string | null;
  readonly kind: Profile['compute']['kind'];
  readonly isServed: boolean;
  /** ms since 1970; null: the server does not remember. */
  readonly lastAskedAt: number | null;
}

export function clustersNow(client: Client, team: Team, profile: Profile): Promise<ClusterNow[]> {
  return Promise.all(
    profilesByCluster(profile).map(async ({ compute: { kind }, cluster = null }) => {
      const queue = queueOf(team, cluster === null ? TASK_QUEUES.training : `${TASK_QUEUES.training}-${cluster}`);
      return { cluster, kind, ...(await servedActivities(client, queue)) };
    }),
  );
}

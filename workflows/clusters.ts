/** Pools of several clusters: one that does not answer is a pool without capacity, and what ran there is lost. */
import { isCancellation, patched } from '@temporalio/workflow';
import { profileIn } from '../src/contract/clusters.ts';
import type { Pool, Profile } from '../src/contract/profile.ts';
import type { ClusterSign, PlacementState } from '../src/contract/trial-run.ts';
import { newerSign, silenceText } from '../src/rules/clusters.ts';
import { afterAttempt, poolOrder } from '../src/rules/placement.ts';
import type { PlacementChoice } from '../src/rules/placement.ts';
import { clusters } from './policies.ts';

/** What a workflow knows of the clusters of its profile. */
export interface ClusterNews {
  /** Where the last attempt has just ended: that one answers. */
  heard: string | null;
  /** Where the last attempt has just been lost: that one does not. */
  gone: string | null;
  /** Those that were asked. */
  readonly known: Record<string, ClusterSign>;
}

export const noNews = (): ClusterNews => ({ heard: null, gone: null, known: {} });

export const noAnswer = ({ known }: ClusterNews): string =>
  `no cluster answers: ${Object.keys(known)
    .filter((cluster) => known[cluster]?.silentSince !== null)
    .join(', ')}`;

/**
 * The first choice whose cluster answers.
 *
 * @param choose by the state that it is given
 * @returns null: none answers now
 */
export async function inClusterThatAnswers(
  profile: Profile,
  news: ClusterNews,
  before: PlacementState,
  choose: (state: PlacementState) => PlacementChoice,
): Promise<PlacementChoice | null> {
  const { placement, pools } = profile;
  const order = poolOrder(placement, pools);
  let choice = choose(before);
  if (profile.clusters === undefined) return choice;
  const silent = new Set<string | undefined>(news.gone === null ? [] : [news.gone]);
  news.gone = null;
  // Twice: once all pools had no machine none counts as empty, and those that do not answer may be chosen before the one that does.
  for (let asked = 0; asked < order.length || (asked < 2 * order.length && patched('every-cluster-asked')); asked++) {
    // Looks go to all clusters; one that does not answer has no say.
    if (choice.waitSeconds !== null) return choice;
    if (!silent.has(choice.pool.cluster) && (await answers(profile, news, choice.pool))) return choice;
    silent.add(choice.pool.cluster);
    choice = choose(afterAttempt(choice, 'no-capacity'));
  }
  return null;
}

async function answers(profile: Profile, news: ClusterNews, pool: Pool): Promise<boolean> {
  const cluster = pool.cluster ?? '';
  const isHeard = news.heard === cluster;
  news.heard = null;
  if (isHeard) return true;
  const there = profileIn(profile, pool);
  try {
    await clusters(there).clusterAnswers.executeWithOptions({ summary: `whether cluster ${cluster} answers` }, [{ profile: there }]);
    note(news, cluster, { silentSince: null, askedAt: Date.now() });
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    note(news, cluster, { silentSince: Date.now(), askedAt: Date.now() });
    return false;
  }
}

const note = ({ known }: ClusterNews, cluster: string, sign: ClusterSign): void => {
  known[cluster] = newerSign(known[cluster], sign);
};

/** @returns why what ran there is lost, in words */
export function lostWith(news: ClusterNews, pool: Pool, lostAfterSeconds: number): string {
  const cluster = pool.cluster ?? '';
  news.heard = null;
  news.gone = cluster;
  note(news, cluster, { silentSince: Date.now() - lostAfterSeconds * 1000, askedAt: Date.now() });
  return silenceText(cluster, lostAfterSeconds);
}

/** Clusters that fall silent, and what it costs to move between them. Pure. */
import type { Placement, Pool, Profile } from '../contract/profile.ts';
import type { ClusterSign } from '../contract/trial-run.ts';
import { WAITS } from './durations.ts';

/** Null: there is no other cluster to go to, and the one that there is is waited for. */
export function lostAfterSeconds({ clusters }: Profile, pool: Pick<Pool, 'cluster'>): number | null {
  if (clusters === undefined || pool.cluster === undefined) return null;
  return clusters[pool.cluster]?.lostAfterSeconds ?? WAITS.clusterLostSeconds;
}

const BYTES_PER_GB = 1e9;

/** Rules that know what a move reads: as the profile says, else as it was measured at the end of the last attempt. */
export const withMovedGb = (rules: Placement, bytes: number | undefined): Placement =>
  rules.movedGb !== undefined || bytes === undefined ? rules : { ...rules, movedGb: bytes / BYTES_PER_GB };

const SECONDS_PER_MINUTE = 60;
const MINUTES_PER_HOUR = 60;

/** @example lastedText(720_000) === '12 min' */
export function lastedText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / SECONDS_PER_MINUTE);
  const hours = Math.floor(minutes / MINUTES_PER_HOUR);
  return hours > 0 ? `${hours} h ${minutes % MINUTES_PER_HOUR} min` : minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

/** @example silenceText('us-east1', 720) === 'cluster us-east1 does not answer for 12 min' */
export const silenceText = (cluster: string, seconds: number): string =>
  `cluster ${cluster} does not answer for ${lastedText(seconds * 1000)}`;

/** What is known after another sign, in whichever order they come: a silence lasts from its first sign. */
export function newerSign(known: ClusterSign | undefined, sign: ClusterSign): ClusterSign {
  if (known === undefined) return sign;
  const [first, last] = known.askedAt <= sign.askedAt ? [known, sign] : [sign, known];
  if (last.silentSince === null || first.silentSince === null) return last;
  return { ...last, silentSince: Math.min(first.silentSince, last.silentSince) };
}

/** Those that do not answer, by name. */
export const silentClusters = (known: Readonly<Record<string, ClusterSign>>): { readonly name: string; readonly silentSince: number }[] =>
  Object.entries(known)
    .flatMap(([name, { silentSince }]) => (silentSince === null ? [] : [{ name, silentSince }]))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

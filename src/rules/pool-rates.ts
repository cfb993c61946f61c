/** What is known of pools by how attempts in them ended: the older, the less it counts. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { PoolRate, PoolRates } from '../contract/trial-run.ts';
import { AWAITS_REGISTRY } from './attempt-ends.ts';
import { WAITS } from './durations.ts';

/** How an attempt in a pool ended. */
export interface PoolEvent {
  readonly pool: string;
  readonly kind: 'preempted' | 'empty' | 'other';
  /** ms since 1970 */
  readonly at: number;
  /** On a machine of the pool. */
  readonly hours: number;
}

/** A pool of which nothing is known counts as one that preempted once in so many hours, and was empty one time of four. */
const UNSEEN = { hours: 4, preemptions: 1, asks: 4, empty: 1 };

/** Older rows weigh less than a thousandth. */
const HALF_LIVES = 10;

/** ms since 1970: from then on rows of the ledger are worth reading. */
export const ratesSince = (now: number): number => now - HALF_LIVES * WAITS.poolRatesHalfLifeMs;

/** How the attempts of the ledger ended. */
export function poolEvents(rows: readonly LedgerRow<'attempts'>[]): PoolEvent[] {
  return rows.flatMap((row): PoolEvent[] => {
    const at = Date.parse(String(row.ended_at ?? row.time));
    const hadMachine = typeof row.cause === 'string' && row.cause.startsWith(AWAITS_REGISTRY);
    const isEmpty = row.verdict === 'no-capacity' && !hadMachine;
    const kind = isEmpty ? 'empty' : row.verdict === 'preempted' || row.verdict === 'silent' ? 'preempted' : 'other';
    return typeof row.pool === 'string' && Number.isFinite(at)
      ? [{ pool: row.pool, kind, at, hours: Number(row.seconds ?? 0) / 3600 }]
      : [];
  });
}

const NOTHING: PoolRate = { hours: 0, preemptions: 0, asks: 0, empty: 0, lastPreemptedAt: null, lastEmptyAt: null };

const weightOf = (ageMs: number): number => 2 ** (-Math.max(0, ageMs) / WAITS.poolRatesHalfLifeMs);

/** @param now ms since 1970; events of later do not count */
export function poolRates(events: Iterable<PoolEvent>, now: number): PoolRates {
  const pools: Record<string, PoolRate> = {};
  for (const { pool, kind, at, hours } of events) {
    if (at > now) continue;
    const weight = weightOf(now - at);
    const rate = pools[pool] ?? NOTHING;
    pools[pool] = {
      hours: rate.hours + weight * hours,
      preemptions: rate.preemptions + (kind === 'preempted' ? weight : 0),
      asks: rate.asks + weight,
      empty: rate.empty + (kind === 'empty' ? weight : 0),
      lastPreemptedAt: kind === 'preempted' ? Math.max(at, rate.lastPreemptedAt ?? at) : rate.lastPreemptedAt,
      lastEmptyAt: kind === 'empty' ? Math.max(at, rate.lastEmptyAt ?? at) : rate.lastEmptyAt,
    };
  }
  return { at: now, pools };
}

/** Of a machine of that pool, as far as is known at `now`. */
export function preemptionsPerHour(rates: PoolRates | null, pool: string, now: number): number {
  const { hours, preemptions } = rates?.pools[pool] ?? NOTHING;
  const weight = rates === null ? 0 : weightOf(now - rates.at);
  return (preemptions * weight + UNSEEN.preemptions) / (hours * weight + UNSEEN.hours);
}

/** How likely that pool has no machine when it is asked. */
export function emptyShare(rates: PoolRates | null, pool: string, now: number): number {
  const { asks, empty } = rates?.pools[pool] ?? NOTHING;
  const weight = rates === null ? 0 : weightOf(now - rates.at);
  return (empty * weight + UNSEEN.empty) / (asks * weight + UNSEEN.asks);
}

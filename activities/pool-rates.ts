/** What attempts of all runs met in the pools of a profile, from the ledger. */
import type { Profile } from '../src/contract/profile.ts';
import type { PoolRates } from '../src/contract/trial-run.ts';
import type { Ports } from '../src/ports/index.ts';
import type { Warehouse } from '../src/ports/warehouse.ts';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import { WAITS } from '../src/rules/durations.ts';
import { poolEvents, poolRates, ratesSince } from '../src/rules/pool-rates.ts';

/** Trials ask at the same times: one answer serves all of this process that ask soon after. */
export function createPoolRates(ports: Pick<Ports, 'warehouse'>, now: () => number = Date.now): (profile: Profile) => Promise<PoolRates> {
  const asked = new Map<string, { readonly at: number; readonly answer: Promise<PoolRates> }>();
  return async (profile) => {
    const key = canonicalJson(profile.warehouse);
    const known = asked.get(key);
    if (known !== undefined && now() - known.at < WAITS.poolRatesKeptMs) return ofPools(profile, await known.answer);
    const answer = (async () => readPoolRates(await ports.warehouse(profile), now()))();
    asked.set(key, { at: now(), answer });
    answer.catch(() => asked.delete(key));
    return ofPools(profile, await answer);
  };
}

/** Histories keep them: other teams have pools of their own in the same ledger. */
const ofPools = (profile: Profile, { at, pools }: PoolRates): PoolRates => ({
  at,
  pools: Object.fromEntries(Object.entries(pools).filter(([pool]) => profile.pools.some(({ name }) => name === pool))),
});

/** @param now ms since 1970 */
export const readPoolRates = async (warehouse: Pick<Warehouse, 'ledger'>, now: number): Promise<PoolRates> =>
  poolRates(poolEvents(await warehouse.ledger('attempts', {}, ratesSince(now))), now);

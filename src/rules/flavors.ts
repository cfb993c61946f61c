/** Where Kueue chooses the machine, the resource flavor that it chose says what an attempt costs. Pure. */
import type { Pool } from '../contract/profile.ts';

/**
 * The pool as it is in a flavor: the prices of `flavors`, and its own where that says none.
 *
 * @param flavor its name; null or undefined: none was chosen, or it is not known
 */
export function inFlavor(pool: Pool, flavor: string | null | undefined): Pool {
  const { flavors = {} } = pool;
  return typeof flavor === 'string' && Object.hasOwn(flavors, flavor) ? { ...pool, ...flavors[flavor] } : pool;
}

/** How many event streams somebody may have open at once: each holds a connection, and what was not read of it yet. */
import { isIPv6 } from 'node:net';
import { personKey } from '../contract/persons.ts';
import { HttpError } from './failures.ts';
import { GRACES } from '../rules/durations.ts';

/** Of a person from one address: some thirty pages with a log each. */
export const MOST_STREAMS = 100;
/** Of a person from many addresses: above, each address has `OF_MANY`. */
const MOST_OF_PERSON = 400;
const OF_MANY = 4;

/**
 * Everybody may be behind the address of one proxy, and a name may be that of a token which many have: neither alone is a reason to keep somebody out.
 * Who opens too many stands in the way of nobody but of the same name at the same address.
 */
export class OpenStreams {
  readonly #open = new Map<string, number>();

  /**
   * @returns what gives the place back, once
   * @throws HttpError 429
   */
  enter(user: string, address: string): () => void {
    const person = JSON.stringify([personKey(user)]);
    const both = JSON.stringify([personKey(user), networkOf(address)]);
    if (this.#count(both) >= (this.#count(person) >= MOST_OF_PERSON ? OF_MANY : MOST_STREAMS))
      throw new HttpError(
        429,
        'TooManyStreams',
        `${user} has ${this.#count(both)} pages and logs open from here, and may have no more; close some`,
        Math.ceil(GRACES.consoleHeartbeatMs / 1000),
      );
    this.#add([person, both], 1);
    let isOpen = true;
    return () => {
      if (isOpen) this.#add([person, both], -1);
      isOpen = false;
    };
  }

  #count(key: string): number {
    return this.#open.get(key) ?? 0;
  }

  #add(keys: readonly string[], one: 1 | -1): void {
    for (const key of keys) {
      const count = this.#count(key) + one;
      if (count > 0) this.#open.set(key, count);
      else this.#open.delete(key);
    }
  }
}

/** A machine has as many addresses of IPv6 as it likes, all of one /64. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = (text: string): string[] => text.split(':').filter(Boolean);
  const [first, last] = [groups(head), groups(tail ?? '')];
  if (last.at(-1)?.includes('.') === true) return last.at(-1) ?? '';
  return [...first, ...Array<string>(tail === undefined ? 0 : 8 - first.length - last.length).fill('0'), ...last].slice(0, 4).join(':');
}

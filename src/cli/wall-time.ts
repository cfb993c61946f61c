/** Times that people write, ISO 8601. */
import { InvalidArgumentError } from 'commander';
import { ahead } from '../contract/zones.ts';

/** What was written: an instant, or what a clock on the wall of a zone that is yet to be known shows. */
export interface WrittenTime {
  readonly text: string;
  /** ms since 1970, as if it were UTC. */
  readonly clock: number;
  /** ms ahead of UTC; null: none was written. */
  readonly offset: number | null;
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?)?$/i;
const EXPECTED = 'ISO 8601 is expected, e.g. 2026-11-01, 2026-11-01T03:00 or 2026-11-01T03:00:00Z';
const MINUTE_MS = 60_000;

/** @throws InvalidArgumentError for another form, and for a day or an hour that no calendar has */
export function writtenTime(text: string): WrittenTime {
  const found = FORM.exec(text);
  if (!found) throw new InvalidArgumentError(EXPECTED);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  const clock = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(clock);
  const same = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  if ([month, day, hour, minute, second].some((part, index) => part !== same[index]))
    throw new InvalidArgumentError(`there is no such day or hour; ${EXPECTED}`);
  return { text, clock, offset: found[7] === undefined ? null : offsetIn(found[7]) };
}

function offsetIn(text: string): number {
  if (text.toUpperCase() === 'Z') return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(-2));
  return (text.startsWith('-') ? -minutes : minutes) * MINUTE_MS;
}

/** @param zone IANA name: counts where the text names no offset */
export function instantOf({ clock, offset }: WrittenTime, zone: string): Date {
  if (offset !== null) return new Date(clock - offset);
  // The offset at that time, not at the same figures of UTC: twice, since a change may lie between.
  const first = clock - ahead(zone, clock);
  return new Date(clock - ahead(zone, first));
}

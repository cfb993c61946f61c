/** Cron lines of schedules: read as crontab reads them, before a server is asked (crontab(5) of Vixie cron). */
import { Cron } from 'croner';
import { InvalidInputError } from '../contract/errors.ts';
import { ahead, clockIn } from '../contract/zones.ts';

/** What a line means to Temporal, and what its author should know. */
interface Calendar {
  /** Each in Temporal's form; a run is due when any of them is. */
  readonly expressions: readonly string[];
  readonly warnings: readonly string[];
}

const FIELDS = [
  ['minute', '0-59'],
  ['hour', '0-23'],
  ['day', '1-31, a day of the month'],
  ['month', '1-12 or JAN-DEC'],
  ['weekday', '0-7 or SUN-SAT, 0 and 7 are Sunday'],
] as const;
const FORM = 'in numbers, ranges, lists and steps (7, 1-5, 1,15, */10)';
const FIVE = "five fields, minute hour day month weekday, e.g. '0 3 * * *'";

const SHORTHANDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
/** An interval, which has no calendar. */
const EVERY = /^@every\s+(?=.*[1-9])(?:\d+(?:\.\d+)?[smhd])+$/;
const DAY_MS = 86_400_000;
/** Clocks change twice a year; a line of one month meets the change of its month within two. */
const LOOKED_AHEAD_MS = 2 * 366 * DAY_MS;
/** No zone changes its clocks twice within one. */
const STRIDE_MS = 7 * DAY_MS;

/**
 * @param zone IANA name
 * @throws InvalidInputError for a line or a zone that cannot be read, and for a line that never comes
 * @example calendarOf('0 3 13 * 5', 'UTC').expressions // ['0 3 13 * *', '0 3 * * 5']
 */
export function calendarOf(cron: string, zone: string, now: number = Date.now()): Calendar {
  checkZone(zone);
  const line = cron.trim();
  if (EVERY.test(line)) return { expressions: [line], warnings: [] };
  const fields = fieldsOf(Object.hasOwn(SHORTHANDS, line) ? (SHORTHANDS[line] ?? '') : line, cron);
  const [minute, hour, day, month, weekday] = fields;
  // As in crontab: a field that begins with a star restricts the other one, two others add up. Temporal knows "and" only.
  const addUp = !day.startsWith('*') && !weekday.startsWith('*');
  const expressions = addUp
    ? [[minute, hour, day, month, '*'].join(' '), [minute, hour, '*', month, weekday].join(' ')]
    : [fields.join(' ')];
  const clocks = expressions.map(wallClock);
  if (clocks.every((one) => one.nextRun(new Date(now)) === null))
    throw invalid('line', 'it never comes: no month of these has such a day', 'a day that the month has', cron);
  const either = `day ${day} and weekday ${weekday} are both set: a run starts on days that are either of them (crontab's "or"), not only on days that are both`;
  return { expressions, warnings: [...(addUp ? [either] : []), ...changesOfClocks(clocks, hour.startsWith('*'), zone, now)] };
}

type Fields = readonly [minute: string, hour: string, day: string, month: string, weekday: string];

function fieldsOf(line: string, cron: string): Fields {
  if (/^(?:CRON_)?TZ=/.test(line)) throw invalid('line', 'a zone is named in it', `${FIVE}, and the zone as --timezone`, cron);
  const [minute, hour, day, month, weekday, ...more] = line.split(/\s+/);
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined || more.length > 0)
    throw invalid(
      'line',
      line.startsWith('@') ? 'no such shorthand' : 'not five fields',
      `${FIVE}, one of ${Object.keys(SHORTHANDS).join(', ')}, or @every 36h`,
      cron,
    );
  const fields = [minute, hour, day, month, weekday] as const;
  for (const [index, [name, range]] of FIELDS.entries()) {
    const field = fields[index] ?? '';
    if (!isField(field, index)) throw invalid(name, 'cannot be read', `${range}, ${FORM}`, field);
  }
  return fields;
}

function isField(field: string, index: number): boolean {
  // What other crons know and Temporal takes for something else: L, W, #, ?.
  if (!/^(?:[\d*,/-]|\b[a-z]{3}\b)+$/i.test(field)) return false;
  try {
    wallClock(FIELDS.map((_, other) => (other === index ? field : '*')).join(' '));
    return true;
  } catch {
    return false;
  }
}

/** A clock without changes: what it says in UTC is what a wall shows. */
const wallClock = (expression: string): Cron =>
  new Cron(expression, { paused: true, timezone: 'UTC', mode: '5-part', domAndDow: true, sloppyRanges: true });

function changesOfClocks(clocks: readonly Cron[], everyHour: boolean, zone: string, now: number): string[] {
  let [skipped, doubled]: (string | undefined)[] = [];
  for (const at of changes(zone, now)) {
    const [before, after] = [ahead(zone, at - 1), ahead(zone, at)];
    const [from, to] = [at + Math.min(before, after), at + Math.max(before, after)];
    const met = clocks.flatMap((one) => one.nextRun(new Date(from - 1)) ?? []).find((time) => time.getTime() < to);
    if (met === undefined) continue;
    const time = met.toISOString().slice(11, 16);
    const [day, shown] = [clockIn(zone, at).slice(0, 10), `from ${wall(at + before)} to ${wall(at + after)}`];
    // Who runs every hour misses nothing when there is an hour less.
    if (after > before && !everyHour) skipped ??= `on ${day} there is no ${time} in ${zone} (clocks go ${shown}): no run starts then`;
    if (after < before)
      doubled ??= `on ${day} ${time} comes twice in ${zone} (clocks go ${shown}): a run starts once or twice, as Temporal reads the zone`;
  }
  return [skipped, doubled].filter((one) => one !== undefined);
}

const wall = (clock: number): string => new Date(clock).toISOString().slice(11, 16);

/** Instants at which the clocks of a zone are changed. */
function changes(zone: string, now: number): number[] {
  const found: number[] = [];
  for (let start = now; start < now + LOOKED_AHEAD_MS; start += STRIDE_MS) {
    let [low, high] = [start, start + STRIDE_MS];
    const before = ahead(zone, low);
    if (ahead(zone, high) === before) continue;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (ahead(zone, middle) === before) low = middle;
      else high = middle;
    }
    found.push(high);
  }
  return found;
}

function checkZone(zone: string): void {
  let known: string;
  try {
    known = new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    throw invalidZone(zone);
  }
  // The server minds case, and wants a name.
  if (/^[+-]/.test(known) || (known !== zone && known.toLowerCase() === zone.toLowerCase())) throw invalidZone(zone, known);
}

const MAX_SHOWN = 60;
const shown = (text: string): string => JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);

const invalid = (path: string, message: string, expected: string, found: string): InvalidInputError =>
  new InvalidInputError([{ file: 'cron', path, message, expected, found: shown(found) }]);

const invalidZone = (zone: string, known?: string): InvalidInputError =>
  new InvalidInputError([
    {
      file: 'timezone',
      message: 'no such zone',
      expected: 'an IANA name, e.g. Europe/Berlin',
      found: shown(zone),
      ...(known !== undefined && !/^[+-]/.test(known) ? { hint: `is it ${known}?` } : {}),
    },
  ]);

import { describe, expect, it } from 'vitest';
import { calendarOf } from '../../../src/client/calendar.ts';
import { Schedules } from '../../../src/client/schedules.ts';
import { InvalidInputError } from '../../../src/contract/errors.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { isoIn } from '../../../src/contract/zones.ts';
import { makeRun } from '../../support/run-data.ts';

const NOW = Date.UTC(2026, 10, 29);
const read = (cron: string, zone = 'UTC') => calendarOf(cron, zone, NOW);
const problemOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidInputError) return { ...error.problems[0], code: exitCodeOf(error) };
    throw error;
  }
  throw new Error('it was taken');
};

describe('a cron line', () => {
  it.each([
    ['whenever', 'line', '"whenever"'],
    ['', 'line', '""'],
    ['0 3 * *', 'line', '"0 3 * *"'],
    // Six fields mean seconds to some and years to others.
    ['0 0 3 * * *', 'line', '"0 0 3 * * *"'],
    ['CRON_TZ=Europe/Berlin 0 3 * * *', 'line', '"CRON_TZ=Europe/Berlin 0 3 * * *"'],
    ['@reboot', 'line', '"@reboot"'],
    ['@every banana', 'line', '"@every banana"'],
    ['@every 0h', 'line', '"@every 0h"'],
    ['60 3 * * *', 'minute', '"60"'],
    ['*/0 3 * * *', 'minute', '"*/0"'],
    ['0 24 * * *', 'hour', '"24"'],
    ['0 5-2 * * *', 'hour', '"5-2"'],
    ['0 3 0 * *', 'day', '"0"'],
    ['0 3 1,,2 * *', 'day', '"1,,2"'],
    ['0 3 L * *', 'day', '"L"'],
    ['0 3 15W * *', 'day', '"15W"'],
    ['0 3 ? * 1', 'day', '"?"'],
    ['0 3 * 13 *', 'month', '"13"'],
    ['0 3 * MAI *', 'month', '"MAI"'],
    ['0 3 * * 8', 'weekday', '"8"'],
    ['0 3 * * FRI-MON', 'weekday', '"FRI-MON"'],
    // Temporal takes the rest for a comment, and runs every Monday.
    ['0 3 * * 1#2', 'weekday', '"1#2"'],
    ['0 3 30 2 *', 'line', '"0 3 30 2 *"'],
    ['0 3 31 4,6,9,11 *', 'line', '"0 3 31 4,6,9,11 *"'],
  ])('%j is refused in its field, with what was expected', (cron, path, found) => {
    expect(problemOf(() => read(cron))).toMatchObject({
      file: 'cron',
      path,
      found,
      code: 2,
      expected: expect.stringMatching(/.{8}/) as string,
    });
  });

  it.each(['0 3 * * *', ' 5  3 * * 1-5 ', '*/15 0-6/2,22 1,15 JAN-mar *', '0 3 29 2 *', '5/15 3 * * SUN', '@every 36h', '*/60 * * * 0-7'])(
    '%j is passed on as it is, without a word',
    (cron) => expect(read(cron)).toEqual({ expressions: [cron.trim().replace(/\s+/g, ' ')], warnings: [] }),
  );

  it('knows the shorthands of crontab', () => expect(read('@weekly').expressions).toEqual(['0 0 * * 0']));

  it('means either where day and weekday are both set, and says so', () => {
    expect(read('0 3 1-7 6 MON')).toEqual({
      expressions: ['0 3 1-7 6 *', '0 3 * 6 MON'],
      warnings: [expect.stringMatching(/day 1-7 and weekday MON .* either of them/)],
    });
    // A field that begins with a star restricts the other one, in crontab too.
    expect(read('0 3 */2 * 1')).toEqual({ expressions: ['0 3 */2 * 1'], warnings: [] });
  });

  it('is looked at before the pipeline is compiled, and by the client before a server is asked', async () => {
    const line = ['node', 'longhaul', 'schedule', 'create', 'nightly', 'not-there.yaml', '--cron', '0 25 * * *'];
    await expect((await createProgram()).parseAsync(line)).rejects.toThrow('cron hour: cannot be read; expected 0-23');
    const schedules = Object.create(Schedules.prototype) as Schedules;
    await expect(schedules.create('nightly', makeRun().document, { cron: '0 3 31 2 *' })).rejects.toThrow('it never comes');
  });
});

describe('a change of the clocks', () => {
  it.each([
    ['30 2 * * *', 'Europe/Berlin', ['on 2027-03-28 there is no 02:30 in Europe/Berlin', 'on 2027-10-31 02:30 comes twice']],
    ['15,45 1 * * 0', 'America/New_York', ['on 2027-11-07 01:15 comes twice']],
    // Half an hour only.
    ['45 1 * * *', 'Australia/Lord_Howe', ['on 2027-04-04 01:45 comes twice']],
    ['10 2 * * *', 'Australia/Lord_Howe', ['on 2027-10-03 there is no 02:10']],
    ['0 0 * * *', 'America/Santiago', ['there is no 00:00']],
    // An hour less is no run less for who runs every hour.
    ['0 * * * *', 'Europe/Berlin', ['on 2027-10-31 02:00 comes twice']],
    ['30 3 * * *', 'Europe/Berlin', []],
    ['30 2 * 7 *', 'Europe/Berlin', []],
    ['30 2 * * *', 'UTC', []],
    ['30 2 * * *', 'Asia/Kolkata', []],
  ])('%s in %s', (cron, zone, expected) => {
    expect(read(cron, zone).warnings).toEqual(expected.map((part) => expect.stringContaining(part) as string));
  });
});

describe('a zone', () => {
  it.each(['Mars/Base', '', '+02:00', 'berlin'])('%j is refused', (zone) => {
    expect(problemOf(() => read('0 3 * * *', zone))).toMatchObject({ file: 'timezone', found: JSON.stringify(zone), code: 2 });
  });
  it('is told its spelling', () => expect(problemOf(() => read('0 3 * * *', 'europe/berlin')).hint).toBe('is it Europe/Berlin?'));
  it.each(['Europe/Berlin', 'Asia/Calcutta', 'CET', 'UTC'])('%s is fine', (zone) => expect(read('0 3 * * *', zone).warnings).toEqual([]));

  it.each([
    ['Asia/Kolkata', '2026-11-29T05:30:00+05:30'],
    ['America/St_Johns', '2026-11-28T20:30:00-03:30'],
    ['UTC', '2026-11-29T00:00:00+00:00'],
  ])('shows times with its offset: %s', (zone, expected) => expect(isoIn(zone, NOW)).toBe(expected));
});

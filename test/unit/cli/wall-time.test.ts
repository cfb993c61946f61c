import { describe, expect, it, vi } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { instantOf, writtenTime } from '../../../src/cli/wall-time.ts';
import { clockIn } from '../../../src/contract/zones.ts';

const iso = (text: string, zone: string): string => instantOf(writtenTime(text), zone).toISOString();

describe('a time that a person writes', () => {
  it.each([
    ['2026-03-27', 'Europe/Berlin', '2026-03-26T23:00:00.000Z'],
    ['2026-03-28T12:00', 'Europe/Berlin', '2026-03-28T11:00:00.000Z'],
    ['2026-07-01 12:00:30', 'Europe/Berlin', '2026-07-01T10:00:30.000Z'],
    ['2026-07-01', 'Asia/Kolkata', '2026-06-30T18:30:00.000Z'],
    ['2026-11-01', 'America/New_York', '2026-11-01T04:00:00.000Z'],
    // The hours before and after a change of the clock.
    ['2026-03-29T01:59', 'Europe/Berlin', '2026-03-29T00:59:00.000Z'],
    ['2026-03-29T03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25T03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
    ['2024-02-29', 'UTC', '2024-02-29T00:00:00.000Z'],
    ['2026-03-27T00:00:00Z', 'Europe/Berlin', '2026-03-27T00:00:00.000Z'],
    ['2026-03-27T00:00+05:30', 'Europe/Berlin', '2026-03-26T18:30:00.000Z'],
    ['2026-03-27T00:00:00.500-0800', 'UTC', '2026-03-27T08:00:00.000Z'],
  ])('%s in %s', (text, zone, expected) => expect(iso(text, zone)).toBe(expected));

  it.each([
    '1',
    '2',
    '03/04/2026',
    '2026-02-31',
    '2026-13-01',
    '2025-02-29',
    '2026-11-01T24:30',
    '2026-11-01T03',
    'yesterday',
    '',
    '2026-11',
    '2026-11-01Z',
  ])('%j is refused', (text) => expect(() => writtenTime(text)).toThrow('ISO 8601'));

  it('is the same whatever the zone of this machine', () => {
    for (const zone of ['UTC', 'America/New_York', 'Pacific/Auckland']) {
      vi.stubEnv('TZ', zone);
      expect(iso('2026-03-28T12:00', 'Europe/Berlin')).toBe('2026-03-28T11:00:00.000Z');
      expect(clockIn('Europe/Berlin', Date.parse('2026-11-30T01:30:00Z'))).toBe('2026-11-30 02:30:00');
    }
    vi.unstubAllEnvs();
  });
});

describe('a span', () => {
  it.each([
    ['2026-11-08', '2026-11-01'],
    ['2026-11-01', '2026-11-01'],
    ['2026-11-01T05:00Z', '2026-11-01T06:00+02:00'],
  ])('from %s to %s is refused before a server is asked', async (from, to) => {
    const program = await createProgram();
    const asked = program.parseAsync(['node', 'longhaul', 'schedule', 'backfill', 'nightly', '--from', from, '--to', to]);
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect((error as Error).message).toContain('the span ends before it begins');
    expect(exitCodeOf(error)).toBe(2);
  });
});

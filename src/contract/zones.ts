/** Clocks on the walls of the calendar's zones. */

/** `2026-11-30 02:30:00` on a wall in the zone. */
export const clockIn = (zone: string, at: number): string => new Date(at + ahead(zone, at)).toISOString().slice(0, 19).replace('T', ' ');

/** `2026-11-30T02:30:00+01:00`: the instant, and what the clock of the zone shows. */
export function isoIn(zone: string, at: number): string {
  const minutes = ahead(zone, at) / 60_000;
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0');
  const offset = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${clockIn(zone, at).replace(' ', 'T')}${offset}`;
}

/** How many ms a zone is ahead of UTC at an instant. */
export function ahead(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((one) => one.type === type)?.value);
  const whole = Math.floor(at / 1000) * 1000;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - whole;
}

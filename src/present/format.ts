/** Numbers and times as a person reads them: in the terminal, in reports, on pages. Pure. */
import type { Json } from '../contract/values.ts';
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0.4 s`, `12 s`, `3m 05s`, `2h 10m`, `5d 03h` */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < MINUTE) return `${Math.round(seconds)} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m ${two(seconds % MINUTE)}s`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}h ${two((seconds % HOUR) / MINUTE)}m`;
  return `${Math.floor(seconds / DAY)}d ${two((seconds % DAY) / HOUR)}h`;
}

export function between(startedAt: number | null, endedAt: number | null, now: number): string {
  return startedAt === null ? '' : duration(Math.max(0, (endedAt ?? now) - startedAt));
}

/** Local time, without the date when it is today's. */
export function time(milliseconds: number, now = Date.now()): string {
  const date = new Date(milliseconds);
  const clock = date.toTimeString().slice(0, 8);
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** Four significant digits, as many as tell two models apart. */
export function metric(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || (size !== 0 && size < 1e-3) ? value.toExponential(3) : value.toPrecision(4);
}

/** For ticks of axes and differences: no zeros that say nothing. */
export function brief(value: number, digits = 6): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential().replace(/(\.\d{2})\d+/, '$1');
  return String(Number(value.toPrecision(digits)));
}

/** `1.2M` */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${Number((value / 1e9).toPrecision(3))}G`;
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return size >= 1e3 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}

export function money(amount: number, currency = 'USD'): string {
  const digits = amount !== 0 && Math.abs(amount) < 0.01 ? 4 : 2;
  return currency === 'USD' ? `$${amount.toFixed(digits)}` : `${amount.toFixed(digits)} ${currency}`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit] ?? ''}`;
}

/** `learning_rate=0.001 units=[64,32]` */
export function parameters(values: Readonly<Record<string, Json>>): string {
  return Object.entries(values)
    .map(
      ([name, value]) => `${name}=${typeof value === 'number' ? metric(value) : typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    .join(' ');
}

/** One line, cut. */
export function oneLine(text: string, limit = 200): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

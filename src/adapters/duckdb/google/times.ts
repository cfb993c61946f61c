/** Dates and times as GoogleSQL writes them; instants are in UTC. */

const DAY = 86_400_000_000n;
const floorDiv = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;
const two = (value: number): string => String(value).padStart(2, '0');

export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  /** From 0, Sunday. */
  readonly weekday: number;
  /** From 1. */
  readonly dayOfYear: number;
}

export function civilOf(micros: bigint): Civil {
  const days = floorDiv(micros, DAY);
  const rest = Number(micros - days * DAY);
  const date = new Date(Number(days) * 86_400_000);
  const seconds = Math.floor(rest / 1_000_000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: rest % 1_000_000,
    weekday: date.getUTCDay(),
    dayOfYear: Math.round((date.getTime() - yearStart(date.getUTCFullYear())) / 86_400_000) + 1,
  };
}

/** Milliseconds of 1 January; the constructor would take years below 100 for the 20th century. */
export function yearStart(year: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, 0, 1);
  return date.getTime();
}

export const microsOfDays = (days: number): bigint => BigInt(days) * DAY;

/** Fractions of a second have none, three or six digits. */
const fraction = (micros: number): string =>
  micros === 0 ? '' : micros % 1000 === 0 ? `.${String(micros / 1000).padStart(3, '0')}` : `.${String(micros).padStart(6, '0')}`;

export const dateText = (micros: bigint): string => {
  const { year, month, day } = civilOf(micros);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
};
export const timeText = (micros: bigint): string => {
  const civil = civilOf(micros);
  return `${two(civil.hour)}:${two(civil.minute)}:${two(civil.second)}${fraction(civil.micros)}`;
};
export const datetimeText = (micros: bigint, between = ' '): string => `${dateText(micros)}${between}${timeText(micros)}`;

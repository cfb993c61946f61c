/** Durations and memory as people write them: `10m`, `1h30m`, `5d`; `512Mi`, `8Gi` as in Kubernetes. No zod here: workflows read them, too. */

/** What a field of the run document counts in: seconds, hours, days, MiB. */
export type Unit = 's' | 'h' | 'd' | 'Mi';

const SECONDS = { d: 86_400, h: 3600, m: 60, s: 1 } as const;
const NUMBER = String.raw`(\d+(?:\.\d+)?)`;
export const DURATION = new RegExp(String.raw`^(?=\d)(?:${NUMBER}\s*d)?\s*(?:${NUMBER}\s*h)?\s*(?:${NUMBER}\s*m)?\s*(?:${NUMBER}\s*s)?$`);
/** In MiB. */
const MEMORY = { Ki: 1 / 1024, Mi: 1, Gi: 1024, Ti: 1024 ** 2, k: 1e3 / 1024 ** 2, M: 1e6 / 1024 ** 2, G: 1e9 / 1024 ** 2 } as const;
export const QUANTITY = new RegExp(`^${NUMBER}\\s*(Ki|Mi|Gi|Ti|k|M|G)$`);

export const EXPECTED: Readonly<Record<'duration' | 'memory', string>> = {
  duration: 'a duration: 30s, 10m, 1h30m or 5d',
  memory: 'memory: 512Mi or 8Gi',
};
export const kindOf = (unit: Unit): 'duration' | 'memory' => (unit === 'Mi' ? 'memory' : 'duration');

/** Seconds of `30s`, `15m`, `1h30m`, `5d`, or of a plain number of seconds; NaN for what is no duration. */
export function secondsOf(duration: string | number): number {
  if (typeof duration === 'number') return duration;
  const found = DURATION.exec(duration);
  if (!found) return Number.NaN;
  const sum = Object.values(SECONDS).reduce((total, seconds, index) => total + Number(found[index + 1] ?? 0) * seconds, 0);
  // No binary fractions such as 0.1 * 86400 = 8640.000000000001.
  return Number(sum.toFixed(6));
}

/** The number that a run document holds; NaN for what is not of the form. Memory in decimal units is rounded up to whole MiB. */
export function numberIn(unit: Unit, text: string | 0): number {
  if (text === 0) return 0;
  // In the unit itself a number stays what it is, whatever its fraction.
  if (text.endsWith(unit) && /^[\d.]+$/.test(text.slice(0, -unit.length))) return Number(text.slice(0, -unit.length));
  if (unit !== 'Mi') return secondsOf(text) / SECONDS[unit];
  const found = QUANTITY.exec(text);
  if (!found) return Number.NaN;
  const size = Number(found[1]) * MEMORY[found[2] as keyof typeof MEMORY];
  return found[2]?.endsWith('i') ? size : Math.ceil(size);
}

/** As a person would write it. @example withUnit(5400, 's') === '90m' */
export function withUnit(value: number, unit: Unit): string {
  const larger = unit === 'Mi' ? ['Gi'] : (['d', 'h', 'm', 's'] as const);
  const spellings = larger.map((each) => `${numberIn(unit, `${value}${unit}`) / numberIn(unit, `1${each}`)}${each}`);
  const whole = spellings.find((text) => /^[1-9]\d*[A-Za-z]+$/.test(text) && numberIn(unit, text) === value);
  return whole ?? `${value}${unit}`;
}

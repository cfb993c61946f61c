const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Seconds of `30s`, `15m`, `2h`, `5d`, or of a plain number of seconds; the schema has checked the form. */
export function secondsOf(duration: string | number): number {
  if (typeof duration === 'number') return duration;
  const unit = duration.at(-1) as keyof typeof SECONDS;
  // No binary fractions such as 0.1 * 86400 = 8640.000000000001.
  return Number((Number.parseFloat(duration) * SECONDS[unit]).toFixed(6));
}

/** Nearest rank: of few values the 99th percentile is the largest. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

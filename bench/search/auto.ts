/** For which number of trials and of points promotion finds as good a model, and what it costs beside the pruner `median`: what `auto` goes by. */
import type { HalvingScheduler, StoppingRule } from '../../src/contract/search-space.ts';
import { measurePromotion, TOLERANCE } from './promotion.ts';
import { measureFound, measureStopping, type Tables } from './stopping.ts';

const TRIALS = [6, 12, 24, 48];
const POINTS = [3, 4, 8, 16];

interface Worth {
  readonly trials: number;
  readonly points: number;
  /** Points trained for each that training all to the end takes, and share of searches within 1 % of the best; one trial at a time. */
  readonly promotion: readonly [cost: number, found: number];
  readonly median: readonly [cost: number, found: number];
}

export async function measureWorth(tables: Tables, scheduler: HalvingScheduler, median: StoppingRule, seeds: number): Promise<Worth[]> {
  const rows: Worth[] = [];
  for (const points of POINTS)
    for (const trials of TRIALS) {
      const cut: Tables = Object.fromEntries(
        Object.entries(tables).map(([name, table]) => [name, table.map((entry) => ({ ...entry, curve: entry.curve.slice(0, points) }))]),
      );
      const { costRatio, foundShare } = measurePromotion(cut, scheduler, trials, seeds, 1);
      const { ratio } = await measureStopping(cut, [median], trials, seeds);
      const found = await measureFound(cut, [median], { trials, seeds, parallel: 1, tolerance: TOLERANCE });
      rows.push({ trials, points, promotion: [costRatio, foundShare], median: [ratio, found] });
    }
  return rows;
}

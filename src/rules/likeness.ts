/** How much of what trials of an earlier run took tells what those of a search will take. Pure. */
import type { SearchSpec } from '../contract/steps.ts';
import { promotes } from './halving.ts';

export interface Likeness {
  /** A trial trains so many times as much now. */
  readonly factor: number;
  /** Trials were held at rungs, and now none is: only those that trained to their ends tell something. */
  readonly onlyWhole: boolean;
  /** What the earlier one had, where that is not what this one has; in words. */
  readonly had: readonly string[];
}

type Compared = Pick<SearchSpec, 'epochs' | 'scheduler' | 'resources'>;

/** Sessions, or rows, of the data that each trains on; null: not known. */
interface Rows {
  readonly now: number | null;
  readonly then: number | null;
}

/** Fewer of a hundred make no other training. */
const SAME_SIZE = 0.01;

/** Training takes as long as there are epochs, and an epoch as there are rows; what starts and ends take is counted with them. */
export function likenessOf(now: Compared, then: Compared, rows: Rows): Likeness {
  const grown = rows.now && rows.then ? rows.now / rows.then : 1;
  const isOfOtherSize = Math.abs(grown - 1) > SAME_SIZE;
  const onlyWhole = promotes(then.scheduler) && !promotes(now.scheduler);
  const had = [
    ...(now.epochs === then.epochs ? [] : [`${then.epochs} epoch${then.epochs === 1 ? '' : 's'}`]),
    ...(isOfOtherSize ? [`${(rows.then ?? 0).toLocaleString('en-US')} rows`] : []),
    ...(onlyWhole ? ['a scheduler'] : []),
    ...(JSON.stringify(now.resources) === JSON.stringify(then.resources) ? [] : ['other resources']),
  ];
  return { factor: (now.epochs / then.epochs) * (isOfOtherSize ? grown : 1), onlyWhole, had };
}

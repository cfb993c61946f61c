/** How much of what trials of an earlier run took tells what those of a search will take. Pure. */
import type { SearchSpec } from '../contract/steps.ts';
import { promotes } from './halving.ts';

export interface Likeness {
  /** A trial trains so many times as much now. */
  readonly factor: number;
  /** Trials were held at rungs, and now none is: only those that trained to their ends tell something. */
  readonly onlyWhole: boolean;
  /** All trained to their ends, and now trials are held at rungs: less will be trained, how much less is not known. */
  readonly heldNone: boolean;
  /** What the earlier one trained, where that is not what this one trains; in words. */
  readonly had: readonly string[];
  /** It ran with more or less of a machine, for which nothing is converted. */
  readonly otherResources: boolean;
}

type Compared = Pick<SearchSpec, 'epochs' | 'scheduler' | 'resources'>;

/** Sessions, or rows, of the data that each trains on; null: not known. */
interface Rows {
  readonly now: number | null;
  readonly then: number | null;
}

/** Fewer of a hundred make no other training. */
const SAME_SIZE = 0.01;

/** Training takes as long as there are epochs, and an epoch as there are rows; what starts and ends take is counted with them. @returns null: as this one */
export function likenessOf(now: Compared, then: Compared, rows: Rows): Likeness | null {
  const grown = rows.now && rows.then ? rows.now / rows.then : 1;
  const isOfOtherSize = Math.abs(grown - 1) > SAME_SIZE;
  const had = [
    ...(now.epochs === then.epochs ? [] : [`${then.epochs} epoch${then.epochs === 1 ? '' : 's'}`]),
    ...(isOfOtherSize ? [`${(rows.then ?? 0).toLocaleString('en-US')} rows`] : []),
  ];
  const onlyWhole = promotes(then.scheduler) && !promotes(now.scheduler);
  const otherResources = JSON.stringify(now.resources) !== JSON.stringify(then.resources);
  const heldNone = promotes(now.scheduler) && !promotes(then.scheduler);
  if (had.length === 0 && !onlyWhole && !heldNone && !otherResources) return null;
  return { factor: (now.epochs / then.epochs) * (isOfOtherSize ? grown : 1), onlyWhole, heldNone, had, otherResources };
}

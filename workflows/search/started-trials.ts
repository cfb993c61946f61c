/** What a budget of trials counts. Pure. */
import type { SearchCarried } from '../../src/contract/search.ts';

/** Those that were taken over count too, where they had begun. */
export const startedTrials = ({ records }: Pick<SearchCarried, 'records'>): number =>
  records.filter(({ state }) => state.startedAt !== null).length;

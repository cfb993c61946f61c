/** Which scores that Jobs have written may be removed: those that no run can still be waiting for. Pure. */
import { mentions } from './garbage.ts';
import type { Reference } from './garbage.ts';

/** `{storage}/scores/{name}` and the document beside it. An evaluation that ends removes them; one that fails or is cancelled does not. */
interface Scores {
  /** URI of the prefix. */
  readonly name: string;
  /** ms since 1970, of the newest object. */
  readonly usedAt: number;
  /** URI of the data set that was scored; null: no document says so. */
  readonly data: string | null;
}

interface ScoresDecision {
  readonly remove: boolean;
  readonly reason: string;
}

/**
 * @param before ms since 1970: what was used later stays
 * @param open what open runs name: a run that evaluates names its data, in its document or as an output of a step
 */
export function decideScores(scores: Scores, before: number, open: readonly Reference[]): ScoresDecision {
  const kept = (reason: string): ScoresDecision => ({ remove: false, reason });
  const { data, usedAt } = scores;
  if (usedAt >= before) return kept('some of it is newer');
  const silent = open.find(({ texts }) => texts === null);
  if (silent) return kept(`${silent.who} could not tell what it uses`);
  if (data === null) {
    const any = open[0];
    return any ? kept(`nothing says whose they are, and ${any.who} may wait for them`) : { remove: true, reason: 'no run is open' };
  }
  const user = open.find(({ texts }) => texts?.some((text) => mentions(text, data)));
  if (user) return kept(`${user.who} uses ${data}`);
  return { remove: true, reason: `left by an evaluation that did not end, and no open run uses ${data}` };
}

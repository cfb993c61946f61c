/** When the trials of a search with a promised end have to be stopped. Pure but for the state that it reads. */
import { WAITS } from '../../src/rules/durations.ts';
import type { SearchRun } from './state.ts';

/** Of the time that was promised. */
const MARGIN_SHARE = 0.01;
/** ms since 1970: its trials have to be stopped by then. Null: no end was promised. */
export function lastMoment({ input: { spec }, memory }: SearchRun): number | null {
  if (spec.promise?.by === undefined) return null;
  const by = Date.parse(spec.promise.by);
  return by - marginSeconds((by - memory.startedAt) / 1000) * 1000;
}

const marginSeconds = (seconds: number): number =>
  Math.min(WAITS.promiseMarginLongestSeconds, Math.max(WAITS.promiseMarginShortestSeconds, seconds * MARGIN_SHARE));

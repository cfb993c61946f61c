/** When the trials of a search with a promised end have to be stopped. Pure but for the state that it reads. */
import { marginSeconds } from '../../src/rules/promise.ts';
import type { SearchRun } from './state.ts';

/** ms since 1970: its trials have to be stopped by then. Null: no end was promised. */
export function lastMoment({ input: { spec }, memory }: SearchRun): number | null {
  if (spec.promise?.by === undefined) return null;
  const by = Date.parse(spec.promise.by);
  return by - marginSeconds((by - memory.startedAt) / 1000) * 1000;
}

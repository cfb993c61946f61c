/** What is carried over continue-as-new, made small enough for an input. */
import type { SearchCarried, TrialRecord } from '../src/contract/search.ts';
import { isOver } from './search/state.ts';
import type { SearchRun } from './search/state.ts';

/** About 11 bytes each: half of what an input may hold. */
const MOST_POINTS = 60_000;
const SHORT_REASON_CHARACTERS = 300;

export function nextMemory(run: SearchRun): SearchCarried {
  const { memory } = run;
  const points = memory.records.reduce((sum, record) => sum + record.curve.length, 0);
  const most = points > MOST_POINTS ? Math.floor(MOST_POINTS / memory.records.length) : Number.POSITIVE_INFINITY;
  return {
    ...memory,
    generation: memory.generation + 1,
    records: memory.records.map((record) => (isOver(record) ? shortened(record, most) : record)),
  };
}

/** Rules compare a trial with the beginnings of ended ones; their own series are of no use any more. */
function shortened(record: TrialRecord, mostPoints: number): TrialRecord {
  return {
    ...record,
    series: {},
    curve: record.curve.slice(0, mostPoints),
    state: { ...record.state, reason: record.state.reason?.slice(0, SHORT_REASON_CHARACTERS) ?? null },
  };
}

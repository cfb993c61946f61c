/** What a search wants of a trial: it follows from its state alone. */
import type { TrialRecord } from '../../src/contract/search.ts';
import type { TrialReport, Wanted } from '../../src/contract/trial-run.ts';
import type { SearchRun } from './state.ts';

export function wantedOf({ memory }: SearchRun, record: TrialRecord): Wanted {
  if (record.stopping !== null) return 'stop';
  return memory.status !== 'running' || record.held || record.asking !== null ? 'pause' : 'run';
}

/** A trial that says that it does what nobody wants has not heard it. */
export function contradicts(run: SearchRun, record: TrialRecord, { status }: TrialReport): boolean {
  const wanted = wantedOf(run, record);
  return (status === 'running' && wanted !== 'run') || (status === 'paused' && wanted === 'run');
}

/** How far a trial has trained, in the resource of the scheduler. */
import type { TrialRecord } from '../../src/contract/search.ts';
import type { Scheduler } from '../../src/contract/search-space.ts';
import { trainedSeconds } from './spending.ts';

export interface Reached {
  readonly step: number;
  /** Samples or epochs, where rungs are counted in them. */
  readonly resource: number | null;
}

export function amountOf(record: TrialRecord, resource: Scheduler['resource'], { step, resource: counted }: Reached): number {
  if (resource === 'points') return record.curve.length;
  if (resource === 'steps') return step;
  return resource === 'seconds' ? trainedSeconds(record, Date.now()) : (counted ?? 0);
}

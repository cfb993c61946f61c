/** Where a fork begins, at every attempt: its parent trains on, and removes checkpoints. */
import type { TrialRecord } from '../../src/contract/search.ts';
import { pinning } from '../policies.ts';
import type { SearchRun } from './state.ts';

/** @param checkpoint null: the newest committed one */
export async function pinnedFork(
  run: SearchRun,
  parent: TrialRecord,
  checkpoint: string | null,
): Promise<Pick<TrialRecord, 'fork' | 'forkedAfter'>> {
  const { trial, output: parentOutput } = parent.state;
  const pinned = await pinning.pinCheckpoint({
    profile: run.input.profile,
    parent: parentOutput,
    pins: `${run.output}/pins/trial-${trial}`,
    checkpoint,
  });
  return {
    fork: { trial, output: pinned.output, checkpoint: pinned.checkpoint },
    forkedAfter: pinned.points + (parent.forkedAfter ?? 0),
  };
}

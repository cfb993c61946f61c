/** What a search takes up that goes on with an ended one: its own of a run that is retried, or that of the run that it extends. Changes what it knows. */
import { patched } from '@temporalio/workflow';
import type { SearchCarried, SearchInput } from '../../src/contract/search.ts';
import { takeOver } from '../../src/rules/extension.ts';
import { promotes } from '../../src/rules/halving.ts';
import { wasHeld } from '../../src/rules/held-trials.ts';
import { reopenEnded } from '../../src/rules/retries.ts';
import { startedTrials } from './started-trials.ts';

/** @returns what was taken up, in words; null where it goes on with none */
export function takeUpEnded(input: SearchInput, memory: SearchCarried): string | null {
  const { spec, again, takenFrom } = input;
  if (again !== true && takenFrom === undefined) return null;
  const holdsAgain = promotes(spec.scheduler) && memory.records.some(wasHeld) && patched('held-again');
  return again === true ? retried(memory, holdsAgain) : extended(input, memory, holdsAgain);
}

function retried(memory: SearchCarried, holdsAgain: boolean): string {
  const pausedSince = memory.pausedSince !== null && patched('paused-until-its-retry') ? memory.pausedSince : null;
  const open = reopenEnded(memory, Date.now(), holdsAgain, pausedSince);
  // What its trainer lacked may be there by now: an image of the same tag, say.
  const invalid = memory.records.filter((record) => record.invalid === true);
  if (invalid.length > 0 && patched('invalid-trials-again')) for (const record of invalid) delete record.invalid;
  // The TensorBoard of the search before was let go when that ended.
  if (memory.tensorboard !== undefined && patched('tensorboard-of-a-retry')) memory.tensorboard = undefined;
  return `goes on after its end, with ${open.length === 0 ? 'no trial' : `trials ${open.join(', ')}`} from their checkpoints`;
}

function extended({ spec }: SearchInput, memory: SearchCarried, holdsAgain: boolean): string {
  const open = takeOver(memory, spec, Date.now(), holdsAgain);
  if (memory.budget.trials !== undefined && patched('budget-of-own-trials'))
    memory.budget = { ...memory.budget, trials: memory.budget.trials + startedTrials(memory) };
  // The other run has paid, as it has for its trials.
  if (memory.scoringCost !== undefined && patched('scores-paid-before')) memory.scoringCost = 0;
  const goOn = open.length === 0 ? 'none' : `trials ${open.join(', ')}`;
  return `took over ${memory.records.length} trials of ${spec.takesOver?.run ?? 'another run'}; ${goOn} can go on from their checkpoints`;
}

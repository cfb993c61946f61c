/** Keeps the TensorBoard of a pipeline while searches use it, and so long after as the profile says. */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { INTERNAL_SIGNALS } from '../src/contract/names.ts';
import type { Profile } from '../src/contract/profile.ts';
import { searching, tensorboards } from './policies.ts';
import { playFaster, WAITS } from '../src/rules/durations.ts';

export interface TensorboardPlace {
  readonly pipeline: string;
  /** Absent of one that began before there were homes. */
  readonly home?: string | undefined;
}

interface TensorboardKeeping extends TensorboardPlace {
  readonly profile: Profile;
  /** Workflow ids of searches: the one that began it, or all when it continues as new. */
  readonly holders: readonly string[];
  /** Of the soak that began it. */
  readonly factor?: number;
}

export const holdTensorboardSignal = defineSignal<[{ readonly holder: string }]>(INTERNAL_SIGNALS.acquire);
export const releaseTensorboardSignal = defineSignal<[{ readonly holder: string }]>(INTERNAL_SIGNALS.release);

export async function tensorboard(keeping: TensorboardKeeping): Promise<void> {
  const { pipeline, home, profile } = keeping;
  playFaster(keeping.factor);
  const holders = new Set(keeping.holders);
  setHandler(holdTensorboardSignal, ({ holder }) => void holders.add(holder));
  setHandler(releaseTensorboardSignal, ({ holder }) => void holders.delete(holder));
  const isHeldAtTheEnd = (): boolean => holders.size > 0 && patched('heard-at-the-end');
  const untilUnused = async (): Promise<void> => {
    for (;;) {
      if (workflowInfo().continueAsNewSuggested && allHandlersFinished())
        await continueAsNew<typeof tensorboard>({ ...keeping, holders: [...holders] });
      if (holders.size === 0) {
        const isHeld = await condition(() => holders.size > 0, profile.tensorboard.keepSeconds * 1000);
        // Word of a search may have come together with the end of the wait.
        if (!isHeld && !isHeldAtTheEnd()) return;
      } else if (!(await condition(() => holders.size === 0, WAITS.tensorboardHoldersLookMs))) {
        // A look that fails is made again the next time.
        const closed = await searching.closedWorkflows({ workflowIds: [...holders] }).catch((error: unknown): string[] => {
          if (isCancellation(error)) throw error;
          return [];
        });
        for (const gone of closed) holders.delete(gone);
      }
    }
  };
  do {
    await untilUnused();
    await tensorboards(profile).stopTensorboard({ profile, pipeline, ...(home === undefined ? {} : { home }) });
    // A search that came while it was being stopped has started it again: somebody must end that one too.
  } while (isHeldAtTheEnd());
}

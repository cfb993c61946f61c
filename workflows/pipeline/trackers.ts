/** A run's side of the trackers that its profile names. */
import { condition, isCancellation, log, patched, startChild } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { trackerWorkflowId } from '../../src/contract/ids.ts';
import { WORKFLOWS } from '../../src/contract/names.ts';
import { GRACES } from '../../src/rules/durations.ts';
import { TRACKER_POLICY } from '../policies.ts';
import { runEndedSignal, type tracker } from '../tracker.ts';
import type { Run } from './run.ts';

interface Trackers {
  /** Lets them hear of the end, and waits for that a moment. */
  readonly close: () => Promise<void>;
}

export function openTrackers({ name, document: { pipeline, profile, factor } }: Run): Trackers {
  const named = profile.trackers ?? [];
  if (named.length === 0 || !patched('trackers')) return { close: () => Promise.resolve() };
  const started = named.map((each, index) =>
    startChild<typeof tracker>(WORKFLOWS.tracker, {
      ...TRACKER_POLICY,
      workflowId: trackerWorkflowId(name, index),
      args: [{ run: name, pipeline, profile, tracker: each, ...(factor === undefined ? {} : { factor }) }],
      staticSummary: `${each.kind} hears of ${name}`,
    }).catch((error: unknown): null => {
      // That of the run before, which was run again, may still be at it.
      if (!isCancellation(error)) log.warn('a tracker is not told of this run', { tracker: each.uri, error });
      return null;
    }),
  );
  return {
    close: async () => {
      let waiting = started.length;
      const heard = async (child: ChildWorkflowHandle<typeof tracker> | null): Promise<void> => {
        await child?.signal(runEndedSignal);
        await child?.result();
      };
      for (const each of started)
        void each
          .then(heard)
          .catch(() => undefined)
          .finally(() => (waiting -= 1));
      await condition(() => waiting === 0, GRACES.trackerEndMs);
    },
  };
}

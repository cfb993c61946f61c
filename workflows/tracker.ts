/** Tells a tracker of experiments of a run until it has heard of its end; whatever fails about it does not touch the run. */
import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { TrackInput } from '../activities/trackers.ts';
import { INTERNAL_SIGNALS } from '../src/contract/names.ts';
import { playFaster, WAITS } from '../src/rules/durations.ts';
import { absenceMs } from './absence.ts';
import { trackers } from './policies.ts';

export const runEndedSignal = defineSignal(INTERNAL_SIGNALS.runEnded);

interface Tracking extends TrackInput {
  /** ms since 1970 when it was told last; set by continue-as-new. */
  readonly toldAt?: number;
  /** Of the soak that its run is of. */
  readonly factor?: number;
}

export async function tracker({ toldAt = Date.now(), since, factor, ...input }: Tracking): Promise<void> {
  playFaster(factor);
  let news = false;
  let heard = since;
  setHandler(runEndedSignal, () => {
    news = true;
  });
  for (let last = toldAt; ;) {
    news = false;
    try {
      const asked = Date.now();
      const { ended } = await trackers.tellTracker.executeWithOptions({ summary: `${input.tracker.kind} hears of ${input.run}` }, [
        { ...input, ...from(heard) },
      ]);
      if (ended) return;
      heard = asked;
      last = Date.now();
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn('a tracker could not be told', { tracker: input.tracker.uri, error });
      if (Date.now() - last >= WAITS.trackerTroubleMs)
        throw ApplicationFailure.nonRetryable(`${input.tracker.uri} could not be told`, 'Unavailable');
    }
    const begun = Date.now();
    await condition(() => news, WAITS.trackerLookMs);
    last += absenceMs(begun, WAITS.trackerLookMs);
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof tracker>({ ...input, toldAt: last, ...from(heard), ...(factor === undefined ? {} : { factor }) });
  }
}

const from = (since: number | undefined): Pick<TrackInput, 'since'> => (since === undefined ? {} : { since });

/** The verdict on an attempt, from its Job's end and from what it left in the object store. */
import type { AttemptVerdict, JobEnd } from '../src/contract/jobs.ts';
import type { AttemptInput } from '../src/contract/attempts.ts';
import type { Latest, TrialResult } from '../src/contract/trial.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { classifyEnd } from '../src/rules/attempt-ends.ts';
import type { Foreign } from './foreign-systems.ts';
import type { PulledImages } from './pulled-images.ts';
import { readLatest, readResult } from './trial-files.ts';

interface Seen {
  readonly input: AttemptInput;
  readonly end: JobEnd;
  readonly silent: boolean;
  readonly stopRequested: boolean;
  /** Absent: it is known to have begun. */
  readonly images?: PulledImages;
}

interface AttemptOutcome {
  readonly verdict: AttemptVerdict;
  readonly cause: string;
  readonly awaits?: 'registry';
  readonly committedSamples: number;
  readonly result: TrialResult | null;
}

/** Of an attempt that had already been given up with its cluster, or had let go: whatever ended its Job came later. */
export const asLostOutcome = (seen: AttemptOutcome, cause: string, judged: AttemptVerdict = 'preempted'): AttemptOutcome =>
  seen.verdict === 'succeeded' ? seen : { ...seen, verdict: judged, cause, result: null };

/** All ranks have saved, and what one of them would still write is fenced off by the attempt that follows: so its trainer says itself. */
export async function hasLetGo(store: ObjectStore, { trial, attempt }: AttemptInput): Promise<boolean> {
  const latest = await readLatest(store, trial.output);
  return latest?.attempt === attempt && latest.reason === 'sigterm' && latest.letGo === true;
}

export async function attemptOutcome(
  { input, end, silent, stopRequested, images }: Seen,
  store: ObjectStore,
  foreign: Foreign,
): Promise<AttemptOutcome> {
  const { output, profile } = input.trial;
  let left: { readonly latest: Latest | null; readonly result: TrialResult | null; readonly hadImage: boolean };
  try {
    const [latest, result, hadImage] = await foreign.ask('the object store', () =>
      Promise.all([readLatest(store, output), readResult(store, output), images?.ask(end) ?? false]),
    );
    left = { latest, result, hadImage };
  } catch (error) {
    // Not as the trial contract says: the trainer's own doing, and told like it.
    if (!(error instanceof Error && 'type' in error && error.type === 'BadData')) throw error;
    return { verdict: 'bad-input', cause: error.message, committedSamples: 0, result: null };
  }
  const { latest, result, hadImage } = left;
  const { verdict, ...why } = classifyEnd(end, {
    attempt: input.attempt,
    latest: latest && { attempt: latest.attempt, reason: latest.reason, samples: latest.samples },
    hasResult: result !== null,
    // The word may have gone to the Job beside us, and Temporal, which knows of it, may be away now.
    stopRequested: stopRequested || end.askedToEnd === true,
    silentSeconds: silent ? profile.silenceSeconds : null,
    newerAttempt: latest && latest.attempt > input.attempt ? latest.attempt : null,
    isTrial: true,
    hasTrained: input.samples > 0 || input.lastProgress > 0,
    hadImage,
  });
  return { verdict, ...why, committedSamples: latest?.samples ?? 0, result: verdict === 'succeeded' ? result : null };
}

/** Questions to the sampler. One of one's own that fails is asked again, and whoever looks sees what the search waits for. */
import { condition } from '@temporalio/workflow';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { AskInput, AskResult } from '../../src/contract/sampler.ts';
import { GRACES } from '../../src/rules/durations.ts';
import { ownSampler, sampler } from '../policies.ts';
import { decided, type SearchRun } from './state.ts';

/** Of the sampler's worker (python/longhaul_sampler/activity.py). */
const FAILED = 'SamplerFailed';

/** Null: the search wants no answer to this question any more. */
export async function askSampler(run: SearchRun, summary: string, request: AskInput): Promise<AskResult | null> {
  if (request.sampler.class === undefined) return sampler.ask.executeWithOptions({ summary }, [request]);
  const { memory } = run;
  const version = memory.spaceVersion;
  const isOver = (): boolean => memory.finishing !== null || version !== memory.spaceVersion || run.fatal !== null;
  let told: string | null = null;
  try {
    for (let waitMs: number = GRACES.activityRetryFirstMs; !isOver(); waitMs = Math.min(2 * waitMs, GRACES.watchingRetryLongestMs)) {
      const answer = await ownSampler.ask.executeWithOptions({ summary }, [request]).catch(failureOf);
      if (typeof answer === 'object') return answer;
      if (answer !== told) decided(run, null, answer);
      memory.reason = told = answer;
      run.dirty = true;
      await condition(isOver, waitMs);
    }
    return null;
  } finally {
    if (memory.reason === told) memory.reason = null;
  }
}

/** What is waited for, in words. */
function failureOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : null;
  if (cause instanceof ApplicationFailure && cause.type === FAILED) return `the sampler failed and is asked again: ${cause.message}`;
  throw error;
}

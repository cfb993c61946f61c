/** What a sampler would suggest: asked by `longhaul replay-search`, which plays a recorded search again. */
import { ApplicationFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';
import type { AskInput, AskResult } from '../src/contract/search.ts';
import { suggesting } from './search-policies.ts';
import { stepFailureOf } from './failures.ts';

/** @throws {ApplicationFailure} InvalidInput in the sampler's own words; Unavailable when its worker does not answer */
export async function samplerSuggestions(input: AskInput): Promise<AskResult> {
  try {
    return await suggesting.ask(input);
  } catch (error) {
    const failure = isCancellation(error) ? null : stepFailureOf(error);
    if (!failure) throw error;
    if (failure.type === 'InvalidInput') throw ApplicationFailure.nonRetryable(failure.message, failure.type);
    throw ApplicationFailure.nonRetryable(`the sampler's worker does not answer: ${failure.message}`, 'Unavailable');
  }
}

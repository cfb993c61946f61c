/** How much each parameter of a search matters: a question to the sampler, asked by pages and reports whenever someone looks. */
import type { Importance, ImportanceInput, AskInput, AskResult } from '../src/contract/sampler.ts';
import { answering, suggesting } from './policies.ts';
import { ApplicationFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';
import { stepFailureOf } from './failures.ts';

export async function parameterImportance(input: ImportanceInput): Promise<Importance> {
  return answering.importance(input);
}

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

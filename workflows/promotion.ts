/** A model becomes the champion of its pipeline: who decided is checked where the keys are that count, and not where it was asked. */
import { ApplicationFailure } from '@temporalio/common';
import { isCancellation, uuid4 } from '@temporalio/workflow';
import type { Promoted, PromotionInput } from '../src/contract/promotion.ts';
import { stepFailureOf } from './failures.ts';
import { promoting } from './policies.ts';

/** @throws {ApplicationFailure} InvalidInput: there is no such model */
export async function promotion(input: PromotionInput): Promise<Promoted> {
  try {
    return await promoting.promoteModel({ ...input, id: uuid4(), heardAt: Date.now() });
  } catch (error) {
    const failure = isCancellation(error) ? null : stepFailureOf(error);
    if (!failure) throw error;
    throw ApplicationFailure.nonRetryable(failure.message, failure.type);
  }
}

import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import { AdapterError, ERRORS, PreconditionFailedError } from '../../../src/contract/errors.ts';
import type { ErrorType } from '../../../src/contract/errors.ts';

describe('toFailure', () => {
  it.each(Object.entries(ERRORS))('keeps the type and the retrying of %s', (type, { retryable }) => {
    const failure = toFailure(new AdapterError(type as ErrorType, 'what happened'), 1);
    expect(failure).toMatchObject({ type, message: 'what happened', nonRetryable: !retryable });
  });

  it('tries what no one foresaw again, but not for ever', () => {
    expect(toFailure(new TypeError('x is undefined'), 1)).toMatchObject({ type: 'Unexpected', nonRetryable: false });
    expect(toFailure(new TypeError('x is undefined'), 5)).toMatchObject({ type: 'Unexpected', nonRetryable: true });
  });

  it('passes on what is already an answer to Temporal', () => {
    for (const error of [ApplicationFailure.retryable('x'), new CancelledFailure('x')]) expect(toFailure(error, 1)).toBe(error);
  });

  it('names the object whose precondition failed', () => {
    expect(toFailure(new PreconditionFailedError('gs://b/o', 'generation is 3'), 1)).toMatchObject({
      type: 'PreconditionFailed',
      message: 'gs://b/o: generation is 3',
      nonRetryable: true,
    });
  });
});

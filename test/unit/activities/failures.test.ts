import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { toFailure, translated } from '../../../activities/failures.ts';
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

describe('faults that pass by themselves', () => {
  const grpc = (code: number): Error => {
    const cause = Object.assign(new Error(`${code}: namespace rate limit exceeded`), { code, details: 'rate limit', metadata: {} });
    return new ServiceError('Failed to describe workflow', { cause });
  };

  it.each([
    ['Temporal throttles', grpc(8)],
    ['Temporal is away', grpc(14)],
    ['Temporal is late', grpc(4)],
    ['a connection broke', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
    [
      'a request could not be sent',
      new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }),
    ],
  ])('are tried again however often: %s', (_label, error) => {
    expect(toFailure(error, 100)).toMatchObject({ type: 'Unavailable', nonRetryable: false });
  });

  it.each([
    ['a host that nobody knows', Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })],
    ['Temporal refuses', grpc(7)],
    ['a defect', new RangeError('x')],
  ])('are not these: %s', (_label, error) => {
    expect(toFailure(error, 100)).toMatchObject({ type: 'Unexpected', nonRetryable: true });
  });
});

describe('an activity with errors that no one foresaw', () => {
  const inActivity = async (work: () => Promise<unknown>): Promise<unknown> =>
    new MockActivityEnvironment({ activityId: 'one' }).run(async () => translated({ work }).work()).catch((error: unknown) => error);
  const defect = (): Promise<never> => Promise.reject(new Error('what is this'));
  const deploy = (): Promise<never> => Promise.reject(ApplicationFailure.create({ type: 'Unavailable', message: 'this worker goes' }));

  it('fails at the fifth of them in a row', async () => {
    const final: unknown[] = [];
    for (let tries = 1; tries <= 5; tries++) final.push(((await inActivity(defect)) as ApplicationFailure).nonRetryable);
    expect(final).toEqual([false, false, false, false, true]);
  });

  it('counts neither deploys nor what was before them', async () => {
    const final: unknown[] = [];
    for (const work of [defect, defect, defect, defect, deploy, defect, defect, deploy, defect])
      final.push(((await inActivity(work)) as ApplicationFailure).nonRetryable);
    expect(final).not.toContain(true);
    await inActivity(() => Promise.resolve());
  });
});

import { ServiceError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../../src/client/errors.ts';
import { ask } from '../../../src/client/failures.ts';

const FAILED_PRECONDITION = 9;

/** As the SDK throws it, on its own or in a ServiceError. */
const refusal = (details: string, wrapped: boolean): Error => {
  const grpc = Object.assign(new Error(`${FAILED_PRECONDITION} FAILED_PRECONDITION: ${details}`), {
    code: FAILED_PRECONDITION,
    details,
    metadata: {},
  });
  return wrapped ? new ServiceError('Failed to query Workflow', { cause: grpc }) : grpc;
};

describe('a question to a workflow whose task failed a few times', () => {
  it.each([
    ['Unable to query workflow due to Workflow Task in failed state.', true],
    ['Unable to query workflow due to Workflow Task in failed state.', false],
    ['Workflow not ready to be queried', true],
  ])('is asked again until it is answered: %s', async (details, wrapped) => {
    let asked = 0;
    const answer = ask('run-1', 'localhost:7233', async () => {
      asked += 1;
      if (asked < 2) throw refusal(details, wrapped);
      return Promise.resolve('running');
    });
    expect([await answer, asked]).toEqual(['running', 2]);
  });

  it('is not what Temporal refuses for good: that is told at once', async () => {
    let asked = 0;
    const answer = ask('run-1', 'localhost:7233', () => {
      asked += 1;
      return Promise.reject(refusal('the namespace is being deleted', true));
    });
    await expect(answer).rejects.toThrow(RefusedError);
    expect(asked).toBe(1);
  });
});

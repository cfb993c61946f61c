import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { cancellationState } from '../../../activities/stop-requests.ts';

type Answer = object | Error;

/** Asks in the second try of activity 7. @param answers one after the other, the last one again and again */
async function wanted(...answers: readonly Answer[]): Promise<string> {
  const left = [...answers];
  const describeWorkflowExecution = (): Promise<unknown> => {
    const answer = left.length > 1 ? left.shift() : left[0];
    return answer instanceof Error
      ? Promise.reject(answer)
      : Promise.resolve({ pendingActivities: [{ activityId: '6', state: 3 }, answer] });
  };
  const within = (_: unknown, call: () => unknown): unknown => call();
  const client = { withDeadline: within, withAbortSignal: within, workflowService: { describeWorkflowExecution } };
  const info = { activityId: '7', attempt: 2, workflowExecution: { workflowId: 'w', runId: 'r' } };
  return new MockActivityEnvironment(info, { client: client as unknown as Client }).run(cancellationState);
}

describe('whether an activity is still wanted', () => {
  const own = { activityId: '7', attempt: 2 };
  it.each<[string, Answer, string]>([
    ['that runs', { ...own, state: 2 }, 'goes-on'],
    ['whose end was asked for', { ...own, state: 3 }, 'stop'],
    ['that another worker has by now', { ...own, attempt: 3, state: 2 }, 'gone'],
    ['that is over', { activityId: '8', attempt: 2, state: 2 }, 'gone'],
    ['whose workflow is not known any more', Object.assign(new Error('not found'), { code: 5 }), 'gone'],
    ['while Temporal is away', Object.assign(new Error('away'), { code: 14 }), 'unknown'],
  ])('is told of one %s', async (_, answer, expected) => {
    expect(await wanted(answer)).toBe(expected);
  });

  it('is asked again when Temporal was away for a moment', async () => {
    expect(await wanted(Object.assign(new Error('away'), { code: 14 }), { ...own, state: 3 })).toBe('stop');
  });
});

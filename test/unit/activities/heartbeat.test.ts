import { ActivityCancellationDetails, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { withHeartbeat } from '../../../activities/heartbeat.ts';
import type { Interruptible } from '../../../activities/heartbeat.ts';

const cancelled =
  (details: ConstructorParameters<typeof ActivityCancellationDetails>[0]) => async (environment: MockActivityEnvironment) => {
    const seen: { context?: Interruptible; cleaned?: boolean } = {};
    const running = environment.run(() =>
      withHeartbeat(async (context) => {
        seen.context = context;
        await new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => {
            seen.cleaned = true;
            reject(new Error('aborted'));
          });
        });
      }),
    );
    environment.cancel('CANCELLED', new ActivityCancellationDetails(details));
    return {
      seen,
      outcome: await running.then(
        () => null,
        (error: unknown) => error,
      ),
    };
  };

describe('withHeartbeat', () => {
  it('ends the work when someone asked for it, and waits until it has cleaned up', async () => {
    const { seen, outcome } = await cancelled({ cancelRequested: true })(new MockActivityEnvironment());
    expect(outcome).toBeInstanceOf(CancelledFailure);
    expect(seen.cleaned).toBe(true);
  });

  it.each(['workerShutdown', 'timedOut', 'paused', 'reset', 'notFound'] as const)(
    'leaves the work to the next worker on %s',
    async (reason) => {
      const { seen, outcome } = await cancelled({ [reason]: true })(new MockActivityEnvironment());
      expect(outcome).toMatchObject({ type: 'Unavailable', nonRetryable: false });
      expect(seen.cleaned).toBeUndefined();
      expect(seen.context?.detached.aborted).toBe(true);
    },
  );

  it('reports progress as heartbeat details', async () => {
    const beats: unknown[] = [];
    const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 10_000 });
    environment.on('heartbeat', (details: unknown) => beats.push(details));
    await environment.run(() =>
      withHeartbeat(async (context) => {
        context.progress({ stage: 'half', done: 0.5 });
      }),
    );
    expect(beats).toEqual([{ stage: 'half', done: 0.5 }]);
  });
});

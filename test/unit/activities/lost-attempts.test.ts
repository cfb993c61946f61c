import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { createLostAttemptActivities } from '../../../activities/lost-attempts.ts';
import { attemptInput } from '../../support/attempt-input.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';

const BEGUN = Date.UTC(2026, 10, 29, 3);

it('dates an attempt that left no record to its beginning, so that its row yields to that of its end', async () => {
  const ports = createMemoryPorts();
  const input = await attemptInput(await ports.store({} as never));
  const { loseAttempt } = createLostAttemptActivities(ports);
  const report = await new MockActivityEnvironment().run(loseAttempt, { input, cause: 'cluster east does not answer', begunAt: BEGUN });
  expect(report).toMatchObject({ verdict: 'preempted', endedAt: BEGUN, cost: 0 });
  expect(ports.rowsOf('attempts').map(({ time }) => time)).toEqual([new Date(BEGUN).toISOString()]);
});

/** Workflow interceptor of a test: activities for which no worker comes are given up at once and not after minutes, which no server skips. */
import type { WorkflowInterceptors } from '@temporalio/workflow';

const SHORT_MS = 200;

export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      scheduleActivity: (input, next) => {
        const { options } = input;
        const isShort = options.scheduleToStartTimeout !== undefined;
        return next(isShort ? { ...input, options: { ...options, scheduleToStartTimeout: SHORT_MS } } : input);
      },
    },
  ],
});

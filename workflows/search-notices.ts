/** Messages to people. */
import type { NotifyInput } from '../activities/notifications.ts';
import { notifications } from './policies.ts';
import { decided, inBackground } from './search/state.ts';
import type { SearchRun } from './search/state.ts';

/** The search does not end, nor continue as new, before they were told: its end would cancel a message that is tried again. */
export function notifyPeople(run: SearchRun, event: NotifyInput['event'], text: string): void {
  const { profile, pipeline, run: name } = run.input;
  const targets = profile.notifications.filter(({ on }) => on.includes(event));
  if (targets.length === 0) return;
  inBackground(run, 'telling', async () => {
    await notifications.notify({ targets, event, pipeline, run: name, text }).catch((error: unknown) => {
      decided(run, null, `could not notify: ${error instanceof Error ? error.message : 'unknown'}`);
    });
  });
}

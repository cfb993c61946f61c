/** Messages to people. */
import type { NotifyInput } from '../activities/notifications.ts';
import { notifications } from './policies.ts';
import { decided, inBackground } from './search-run.ts';
import type { SearchRun } from './search-run.ts';

export function notifyPeople(run: SearchRun, event: NotifyInput['event'], text: string): void {
  const { profile, pipeline, run: name } = run.input;
  const targets = profile.notifications.filter(({ on }) => on.includes(event));
  if (targets.length === 0) return;
  inBackground(run, null, async () => {
    await notifications.notify({ targets, event, pipeline, run: name, text }).catch((error: unknown) => {
      decided(run, null, `could not notify: ${error instanceof Error ? error.message : 'unknown'}`);
    });
  });
}

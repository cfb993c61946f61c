/** Serves `longhaul-control`: all workflows, and the small activities around steps. */
import { createAuditActivities } from '../activities/audits.ts';
import { createDecisionActivities } from '../activities/decisions.ts';
import { createLostAttemptActivities } from '../activities/lost-attempts.ts';
import { createNotificationActivities } from '../activities/notifications.ts';
import { createPromotionActivities } from '../activities/promotions.ts';
import { createRunActivities } from '../activities/runs.ts';
import { createSearchActivities } from '../activities/search.ts';
import { createScriptActivities } from '../activities/scripts.ts';
import { createStepActivities } from '../activities/steps.ts';
import { createTrackerActivities } from '../activities/trackers.ts';
import { openTracker } from '../src/adapters/tracker.ts';
import { TASK_QUEUES } from '../src/contract/names.ts';
import { main } from './run-worker.ts';

main({
  name: 'control',
  taskQueue: TASK_QUEUES.control,
  workflows: true,
  // Most of them only wait: for points of learning curves.
  maxActivities: 2000,
  activities: (ports, policy) => ({
    ...createRunActivities(ports, { policy }),
    ...createStepActivities(ports),
    ...createScriptActivities(ports),
    ...createNotificationActivities(process.env, policy),
    ...createSearchActivities(ports, { policy }),
    ...createLostAttemptActivities(ports),
    ...createAuditActivities(ports),
    ...createTrackerActivities(ports, openTracker, process.env, policy),
    ...createDecisionActivities(ports),
    ...createPromotionActivities(ports),
  }),
});

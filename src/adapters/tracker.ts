import type { Tracker } from '../contract/trackers.ts';
import type { ExperimentTracker } from '../ports/tracker.ts';
import { openMlflow } from './mlflow/index.ts';
import { openWandb } from './wandb/index.ts';

/** @param secret value of the header, or the API key, of who has one */
export const openTracker = (tracker: Tracker, pipeline: string, secret: string | null): ExperimentTracker =>
  tracker.kind === 'mlflow' ? openMlflow(tracker, pipeline, secret) : openWandb(tracker, pipeline, secret);

/** Tells a tracker of experiments what the ledger says of a run: told again, it has everything once. */
import type { Policy } from '../src/contract/policy.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { Tracker } from '../src/contract/trackers.ts';
import type { Ports } from '../src/ports/index.ts';
import type { ExperimentTracker } from '../src/ports/tracker.ts';
import { WAITS } from '../src/rules/durations.ts';
import { trackerViolations } from '../src/rules/policy.ts';
import { trackedRuns } from '../src/rules/tracker-entries.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { refuseViolations } from './policy-guard.ts';

export interface TrackInput {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: Profile;
  readonly tracker: Tracker;
  /** ms since 1970 when it was told last; absent: never, or by an older worker. */
  readonly since?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @param secret value of the header of an HTTP request, or the API key; null: there is none */
type OpenTracker = (tracker: Tracker, pipeline: string, secret: string | null) => ExperimentTracker;

export const createTrackerActivities = (
  ports: Ports,
  open: OpenTracker,
  environment: Environment = process.env,
  policy: Policy | null = null,
) =>
  translated({
    /** @returns whether the ledger has the end of the run, and so the tracker too */
    async tellTracker({ run, pipeline, profile, tracker, since }: TrackInput): Promise<{ readonly ended: boolean }> {
      if (policy !== null) refuseViolations(trackerViolations(policy, [tracker]));
      const opened = open(tracker, pipeline, secretOf(tracker, environment));
      return withHeartbeat(async ({ detached, signal }) => {
        const warehouse = await ports.warehouse(profile);
        const where = { run };
        // First, so that all that belongs to an end is there.
        const runs = await warehouse.ledger('runs', where);
        const tell = async (from?: number): Promise<boolean> => {
          const [trials, progress, evaluations] = await Promise.all([
            warehouse.ledger('trials', where),
            warehouse.ledger('progress', where, from),
            warehouse.ledger('evaluations', where),
          ]);
          const entries = trackedRuns(run, { runs, trials, progress, evaluations }, from === undefined);
          return opened.tell(run, entries, AbortSignal.any([detached, signal]));
        };
        const ended = runs[0] !== undefined && runs[0].ended_at != null;
        // Days of curves are not read for the last minutes; whole at the end, and where rows came to the ledger late.
        const isWhole = ended || since === undefined;
        if (!(await tell(isWhole ? undefined : since - WAITS.trackerOverlapMs)) && !isWhole) await tell();
        return { ended };
      });
    },
  });
export type TrackerActivities = ReturnType<typeof createTrackerActivities>;

/** @throws ApplicationFailure('InvalidInput') where the worker lacks a variable */
function secretOf(tracker: Tracker, environment: Environment): string | null {
  const read = (name: string): string => {
    const value = environment[name];
    if (!value) throw failure('InvalidInput', `trackers: the control worker has no environment variable ${name}`);
    return value;
  };
  if (tracker.kind === 'wandb') return tracker.tokenEnv === undefined ? null : read(tracker.tokenEnv);
  const { tokenEnv, userEnv, passwordEnv } = tracker;
  if (tokenEnv !== undefined) return `Bearer ${read(tokenEnv)}`;
  if (userEnv === undefined || passwordEnv === undefined) return null;
  return `Basic ${Buffer.from(`${read(userEnv)}:${read(passwordEnv)}`).toString('base64')}`;
}

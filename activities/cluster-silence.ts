/**
 * A cluster of several that does not answer is not waited for: what was asked of it is given up after a while that the profile says, and goes on
 * elsewhere. Its workers notice by themselves; where they went with it, Temporal finds nobody who takes the activity (workflows/policies.ts).
 */
import { AdapterError } from '../src/contract/errors.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { Compute } from '../src/ports/index.ts';
import { silenceText } from '../src/rules/clusters.ts';
import { GRACES } from '../src/rules/durations.ts';
import { failure } from './failures.ts';
import type { Trouble } from './foreign-systems.ts';
import { pause } from './stoppable.ts';

interface Bounded {
  readonly profile: Profile;
  /** Absent: there is no other cluster, and it is waited for. */
  readonly lostAfterSeconds?: number;
}

interface Pulse {
  /** By a clock that only goes forward. */
  heardAt: number;
  asking: boolean;
  message: string;
}

/** Before it is lost, a cluster is asked so often. */
const QUESTIONS = 10;
/** A run that nobody has: the answer is short. */
const NOBODY = { run: 'nobody' };
/** One question serves all activities of this worker. */
const pulses = new Map<string, Pulse>();

/** @throws what the cluster, or the way to it, says */
export async function askCluster(compute: Compute): Promise<void> {
  try {
    await compute.list(NOBODY);
  } catch (error) {
    // One that refuses is there.
    if (!(error instanceof AdapterError && error.type === 'AccessDenied')) throw error;
  }
}

/**
 * @param open its errors count as no answer
 * @param work leaves everything outside as it is when its `detached` aborts
 * @throws failure('ClusterLost')
 */
export async function unlessClusterIsLost<C extends { readonly detached: AbortSignal }, T>(
  { profile, lostAfterSeconds }: Bounded,
  open: () => Promise<Compute>,
  context: C,
  work: (context: C) => Promise<T>,
  tell: (trouble: Trouble | null) => void = () => undefined,
): Promise<T> {
  if (lostAfterSeconds === undefined) return work(context);
  const lost = new AbortController();
  const over = new AbortController();
  const working = work({ ...context, detached: AbortSignal.any([context.detached, lost.signal]) });
  working.catch(() => undefined);
  const cluster = profile.cluster ?? '';
  const silent = untilSilent({ cluster, config: JSON.stringify(profile.compute), lostAfterSeconds, open, tell }, over.signal).then(
    (message): never => {
      lost.abort();
      throw failure('ClusterLost', `${silenceText(cluster, lostAfterSeconds)}: ${message}`);
    },
  );
  silent.catch(() => undefined);
  try {
    return await Promise.race([working, silent]);
  } finally {
    over.abort();
  }
}

interface Listening {
  readonly cluster: string;
  readonly config: string;
  readonly lostAfterSeconds: number;
  readonly open: () => Promise<Compute>;
  readonly tell: (trouble: Trouble | null) => void;
}

/** Resolves when the cluster has not answered for so long, with what was said last; never, once the signal aborts. */
async function untilSilent({ cluster, config, lostAfterSeconds, open, tell }: Listening, over: AbortSignal): Promise<string> {
  const begun = performance.now();
  const pulse = pulses.get(config) ?? { heardAt: begun, asking: false, message: 'no answer' };
  pulses.set(config, pulse);
  const intervalMs = Math.min(GRACES.clusterAskedLongestMs, (lostAfterSeconds * 1000) / QUESTIONS);
  for (;;) {
    if (!pulse.asking) void ask(pulse, open);
    await pause(intervalMs, over);
    if (over.aborted) return new Promise<never>(() => undefined);
    const silentMs = performance.now() - Math.max(pulse.heardAt, begun);
    if (silentMs >= lostAfterSeconds * 1000) return pulse.message;
    const isSilent = silentMs > 2 * intervalMs;
    tell(isSilent ? { of: { cluster }, message: pulse.message, since: Date.now() - silentMs } : null);
  }
}

async function ask(pulse: Pulse, open: () => Promise<Compute>): Promise<void> {
  pulse.asking = true;
  try {
    await askCluster(await open());
    pulse.heardAt = performance.now();
  } catch (error) {
    pulse.message = error instanceof Error ? error.message : String(error);
  } finally {
    pulse.asking = false;
  }
}

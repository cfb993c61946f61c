import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observe } from '../../../src/adapters/kubernetes/job-observation.ts';
import type { Observation } from '../../../src/adapters/kubernetes/job-observation.ts';
import type { Snapshot } from '../../../src/adapters/kubernetes/jobs-view.ts';
import { classifyEnd } from '../../../src/rules/attempt-ends.ts';
import { merge } from '../../support/kubernetes/objects.ts';
import { NO_EVIDENCE } from '../../support/end-evidence.ts';

const SECOND = 1000;
const YEAR_SECONDS = 365 * 86_400;
const NOW = Date.UTC(2026, 10, 29);
const GRACE = 15;

/** How an attempt truly ended; what is told of it may come in any order. */
interface Story {
  readonly age: number;
  readonly ran: number;
  readonly exitCode: number;
  /** Containers beside the main one when it ended. */
  readonly beside: 'none' | 'sidecar' | 'other' | 'other that ended';
  readonly cause: 'itself' | 'eviction' | 'kubelet' | 'deleted' | 'suspended' | 'deadline' | 'asked';
}
const story: fc.Arbitrary<Story> = fc.record({
  age: fc.integer({ min: 0, max: YEAR_SECONDS }),
  ran: fc.integer({ min: 1, max: YEAR_SECONDS }),
  exitCode: fc.constantFrom(0, 1, 3, 65, 137, 143),
  beside: fc.constantFrom('none' as const, 'sidecar' as const, 'other' as const, 'other that ended' as const),
  cause: fc.constantFrom(
    'itself' as const,
    'eviction' as const,
    'kubelet' as const,
    'deleted' as const,
    'suspended' as const,
    'deadline' as const,
    'asked' as const,
  ),
});

const PHASES = ['starting', 'running', 'main ended', 'pod ended', 'pod gone'] as const;
/** What comes with the pod's end may come before how its main container ended. */
type Phase = (typeof PHASES)[number] | 'pod ended before main ended';

/** What API server and kubelet say at one moment of the story. */
function told({ age, ran, exitCode, beside, cause }: Story, phase: Phase): Snapshot {
  const finished = NOW - age * SECOND;
  const started = finished - ran * SECOND;
  const at = (ms: number): string => new Date(ms).toISOString();
  const isPodFirst = phase === 'pod ended before main ended';
  const reached = isPodFirst ? 'pod ended' : phase;
  const hasEnded = !isPodFirst && PHASES.indexOf(reached) >= PHASES.indexOf('main ended');
  const isOver = PHASES.indexOf(reached) >= PHASES.indexOf('pod ended');
  const state =
    phase === 'starting'
      ? { waiting: { reason: 'ContainerCreating' } }
      : hasEnded
        ? { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: at(started), finishedAt: at(finished) } }
        : { running: { startedAt: at(started) } };
  const besideState = isOver || beside === 'other that ended' ? { terminated: { exitCode: 0 } } : { running: {} };
  const conditions: object[] = [{ type: 'PodScheduled', status: 'True', lastTransitionTime: at(started - SECOND) }];
  // Told by the API server beforehand; by the kubelet when all is over.
  if (cause === 'eviction' && phase !== 'starting')
    conditions.push({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      lastTransitionTime: at(finished - SECOND),
    });
  if (cause === 'kubelet' && isOver)
    conditions.push({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'TerminationByKubelet',
      lastTransitionTime: at(finished + SECOND),
    });
  const deleting = (cause === 'eviction' || cause === 'deleted' || cause === 'suspended') && phase !== 'starting';
  const bySelf = beside === 'none' || beside === 'other that ended' || beside === 'sidecar';
  return {
    job: {
      metadata: { name: 'job', creationTimestamp: at(started - 5 * SECOND) },
      spec: { suspend: cause === 'suspended' && phase !== 'starting' },
      status: { startTime: at(started - 5 * SECOND) },
    },
    pod: {
      metadata: {
        name: 'pod',
        creationTimestamp: at(started - 4 * SECOND),
        ...(cause === 'asked' ? { annotations: { 'longhaul.dev/terminate-requested': at(finished) } } : {}),
        ...(deleting ? { deletionTimestamp: at(finished + GRACE * SECOND - SECOND), deletionGracePeriodSeconds: GRACE } : {}),
      },
      spec: {
        nodeName: 'node',
        terminationGracePeriodSeconds: GRACE,
        ...(cause === 'deadline' ? { activeDeadlineSeconds: ran } : {}),
      },
      status: {
        startTime: at(started),
        phase: isOver ? (exitCode === 0 && bySelf ? 'Succeeded' : 'Failed') : phase === 'starting' ? 'Pending' : 'Running',
        ...(isOver && (cause === 'deadline' || cause === 'asked') ? { reason: 'DeadlineExceeded' } : {}),
        conditions,
        containerStatuses: [
          { name: 'main', state },
          ...(beside === 'other' || beside === 'other that ended' ? [{ name: 'mesh', state: besideState }] : []),
        ],
        initContainerStatuses: beside === 'sidecar' ? [{ name: 'fuse', state: besideState }] : [],
      },
    },
    podGone: phase === 'pod gone',
    node: null,
    nodeGone: false,
    silentCluster: null,
    warning: null,
    queueWords: null,
  } as unknown as Snapshot;
}

const verdictOf = (seen: Observation, hasResult: boolean): string => {
  if (seen.kind !== 'ended' && seen.kind !== 'ending') return seen.kind;
  return classifyEnd({ ...seen.end, logTail: '' }, { ...NO_EVIDENCE, hasResult }).verdict;
};

/** What a person who saw everything would say. */
function truth({ exitCode, cause }: Story): string {
  if (exitCode === 0) return 'succeeded';
  if (exitCode === 65) return 'bad-input';
  if (cause === 'eviction' || cause === 'kubelet' || cause === 'suspended') return 'preempted';
  return cause === 'deleted' ? 'deleted' : 'crashed';
}

describe('how an attempt ended', () => {
  it('is judged from its main container, at any age, beside any other one, whatever was told first', () => {
    fc.assert(
      fc.property(story, (each) => {
        const last = observe(told(each, 'pod ended'), NOW);
        expect(last.kind).toBe('ended');
        expect(verdictOf(last, each.exitCode === 0)).toBe(truth(each));
        expect(last).toMatchObject({ end: { exitCode: each.exitCode, notStarted: null, startedAt: NOW - (each.age + each.ran) * SECOND } });
        const gone = observe(told(each, 'pod gone'), NOW);
        expect([gone.kind, verdictOf(gone, each.exitCode === 0)]).toEqual(['ended', truth(each)]);
      }),
      { numRuns: 500 },
    );
  });

  it('is never "it has not started" once it has, and is not told before its cause is', () => {
    fc.assert(
      fc.property(story, (each) => {
        const seen = observe(told(each, 'main ended'), NOW);
        expect(['ending', 'ended']).toContain(seen.kind);
        if (seen.kind !== 'ending' && seen.kind !== 'ended') return;
        expect(seen.end).toMatchObject({ notStarted: null, exitCode: each.exitCode });
        // What counts at once must be what everything that comes later says as well.
        if (seen.kind === 'ended') expect(verdictOf(seen, each.exitCode === 0)).toBe(truth(each));
        else expect(seen.settleSeconds).toBeLessThanOrEqual(GRACE + 30);
        if (seen.kind === 'ending' && each.cause === 'itself') expect(verdictOf(seen, each.exitCode === 0)).toBe(truth(each));
        // A container beside it goes on: it is to be ended, the log kept.
        if (each.beside === 'other' && each.cause === 'itself') expect(seen.end.lingering).toBe('rest');
      }),
      { numRuns: 500 },
    );
  });

  it('is waited for where the pod’s end is told before its main container’s, unless its machine goes', () => {
    fc.assert(
      fc.property(story, (each) => {
        const seen = observe(told(each, 'pod ended before main ended'), NOW);
        const isDisrupted = ['eviction', 'kubelet', 'suspended'].includes(each.cause);
        expect(seen).toMatchObject({ kind: isDisrupted ? 'ended' : 'ending', end: { exitCode: null, notStarted: null } });
        if (seen.kind === 'ending') expect(seen.settleSeconds).toBeLessThanOrEqual(GRACE + 30);
        // Of a machine that went nothing more may be heard; what succeeded has its result, whatever its exit code.
        else if (each.exitCode !== 65) expect(verdictOf(seen, each.exitCode === 0)).toBe(truth(each));
        const lost = { ...told(each, 'pod ended before main ended'), nodeGone: true };
        expect(observe(lost, NOW).kind).toBe('ended');
      }),
      { numRuns: 500 },
    );
  });

  it('has not come while it runs, however old it is', () => {
    fc.assert(
      fc.property(story, (each) => {
        const { phase } = observe(told(each, 'running'), NOW) as { phase?: string };
        expect(phase).toBeUndefined();
        expect(observe(told(each, 'running'), NOW).kind).toBe('running');
      }),
    );
  });

  it('waits for the kubelet’s last word as long as a sidecar’s grace, and no longer for a container that has none', () => {
    const ending = (change: Partial<Story>): Observation =>
      observe(told({ age: 0, ran: 10, exitCode: 0, beside: 'none', cause: 'itself', ...change }, 'main ended'), NOW);
    expect(ending({ beside: 'sidecar' })).toMatchObject({ kind: 'ending', settleSeconds: GRACE + 5 });
    expect(ending({ beside: 'other' })).toMatchObject({ kind: 'ending', settleSeconds: 5 });
    expect(ending({ beside: 'other', exitCode: 143 })).toMatchObject({ kind: 'ending', settleSeconds: GRACE + 5 });
    expect(ending({ cause: 'eviction', beside: 'other', exitCode: 143 })).toMatchObject({ kind: 'ended' });
  });

  it('is its own when the pod was deleted, evicted or timed out long after', () => {
    const longAgo = (change: object): Observation => {
      const snapshot = told({ age: 3600, ran: 10, exitCode: 3, beside: 'other', cause: 'itself' }, 'main ended');
      merge(snapshot.pod as unknown as Record<string, unknown>, change as Record<string, unknown>);
      return observe(snapshot, NOW);
    };
    const now = new Date(NOW).toISOString();
    expect(verdictOf(longAgo({ metadata: { deletionTimestamp: now, deletionGracePeriodSeconds: 15 } }), false)).toBe('crashed');
    const evicted = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime: now };
    expect(verdictOf(longAgo({ status: { conditions: [evicted] } }), false)).toBe('crashed');
    const timedOut = longAgo({ spec: { activeDeadlineSeconds: 3600 }, status: { phase: 'Failed', reason: 'DeadlineExceeded' } });
    expect(timedOut).toMatchObject({ end: { deadlineExceeded: false, exitCode: 3 } });
  });

  it('is a lost machine where the kubelet came back and its container was not there any more', () => {
    const snapshot = told({ age: 5, ran: 10, exitCode: 137, beside: 'none', cause: 'itself' }, 'pod ended');
    snapshot.pod!.status!.containerStatuses![0]!.state!.terminated!.reason = 'ContainerStatusUnknown';
    expect(verdictOf(observe(snapshot, NOW), false)).toBe('preempted');
  });
});

describe('a full disk', () => {
  const evicted = (message: string, disruption: boolean): Snapshot => {
    const snapshot = told({ age: 0, ran: 10, exitCode: 137, beside: 'none', cause: disruption ? 'kubelet' : 'itself' }, 'pod ended');
    Object.assign(snapshot.pod!.status!, { reason: 'Evicted', message });
    return snapshot;
  };
  const judge = (message: string, disruption: boolean): ReturnType<typeof classifyEnd> => {
    const seen = observe(evicted(message, disruption), NOW);
    if (seen.kind !== 'ended') throw new Error(seen.kind);
    return classifyEnd({ ...seen.end, logTail: '' }, NO_EVIDENCE);
  };
  const LOW = 'The node was low on resource: ephemeral-storage. Threshold quantity: 66115Mi, available: 65010840Ki. ';

  it('that the attempt filled itself is a crash, in the kubelet’s words', () => {
    const own = judge(`${LOW}Container main was using 5242912Ki, request is 0, has larger consumption of ephemeral-storage. `, true);
    expect(own).toMatchObject({ verdict: 'crashed', cause: expect.stringMatching(/out of disk on node: .*5242912Ki/) as string });
    expect(judge('Pod ephemeral local storage usage exceeds the total limit of containers 40Mi. ', false)).toMatchObject({
      verdict: 'crashed',
      cause: expect.stringMatching(/out of disk .*40Mi/) as string,
    });
  });

  it('that others filled is a preemption, and so is a node without memory', () => {
    expect(judge(LOW, true).verdict).toBe('preempted');
    expect(judge('The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ', true).verdict).toBe('preempted');
  });
});

describe('a Job that a queue admits', () => {
  const suspended = (ageSeconds: number, pod: Snapshot['pod'] = null): Snapshot =>
    ({
      job: {
        metadata: {
          name: 'job',
          creationTimestamp: new Date(NOW - ageSeconds * SECOND).toISOString(),
          labels: { 'kueue.x-k8s.io/queue-name': 'team-a' },
        },
        spec: { suspend: true },
        status: {},
      },
      pod,
      podGone: pod !== null,
      node: null,
      nodeGone: false,
      silentCluster: null,
      warning: null,
      queueWords: null,
    }) as unknown as Snapshot;

  it('waits for its queue and not for a machine, however long', () => {
    expect(observe(suspended(9 * 86_400), NOW)).toMatchObject({
      kind: 'waiting',
      wait: { patience: 'queue' },
      status: { message: 'waiting in queue team-a' },
    });
  });

  it('waits for a machine from when it was admitted', () => {
    const admitted = suspended(86_400);
    Object.assign(admitted.job!, { spec: { suspend: false }, status: { startTime: new Date(NOW - 5 * SECOND) } });
    expect(observe(admitted, NOW)).toMatchObject({ kind: 'waiting', wait: { patience: 'capacity', since: NOW - 5 * SECOND } });
    // The queue has let it go, and the Job controller has not written so yet.
    Object.assign(admitted.job!, { status: {} });
    expect(observe(admitted, NOW)).toMatchObject({ wait: { patience: 'capacity', since: NOW } });
  });

  it('waits again when it is taken back before its container began, and has ended when it is taken back later', () => {
    const pending = told({ age: 0, ran: 1, exitCode: 0, beside: 'none', cause: 'itself' }, 'starting').pod;
    expect(observe(suspended(60, pending), NOW)).toMatchObject({ kind: 'waiting', wait: { patience: 'queue' } });
    const preempted = observe(told({ age: 0, ran: 60, exitCode: 143, beside: 'none', cause: 'suspended' }, 'pod ended'), NOW);
    expect(preempted).toMatchObject({ kind: 'ended', end: { disruption: 'JobSuspended', lingering: 'job' } });
  });
});

describe('code that could not be fetched', () => {
  const pod = (exitCode: number): object => ({
    metadata: { name: 'p', creationTimestamp: new Date(NOW - 60 * SECOND).toISOString() },
    spec: { nodeName: 'n', terminationGracePeriodSeconds: GRACE },
    status: {
      phase: 'Failed',
      initContainerStatuses: [
        {
          name: 'longhaul-launcher',
          state: {
            terminated: {
              exitCode,
              reason: 'Error',
              message: 'longhaul: gs://b/code/9f2c is not what was shipped',
              finishedAt: new Date(NOW - SECOND).toISOString(),
            },
          },
        },
      ],
      containerStatuses: [{ name: 'main', state: { waiting: { reason: 'PodInitializing' } } }],
    },
  });

  it.each([
    [65, 'bad-input'],
    [1, 'crashed'],
  ] as const)('ends the attempt with exit code %i as %s, and what the launcher said', (exitCode, verdict) => {
    const observed = observe(
      { job: { spec: {} }, pod: pod(exitCode), podGone: false, nodeGone: false, silentCluster: null } as unknown as Snapshot,
      NOW,
    );
    if (observed.kind !== 'ended') throw new Error(`${observed.kind}, expected an end`);
    expect(observed.log).toEqual({ text: 'longhaul: gs://b/code/9f2c is not what was shipped' });
    expect(classifyEnd({ ...observed.end, logTail: '' }, NO_EVIDENCE).verdict).toBe(verdict);
  });
});

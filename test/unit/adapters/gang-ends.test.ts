/** The end of an attempt on several pods, against what a person who saw everything would say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Observation } from '../../../src/adapters/kubernetes/job-observation.ts';
import { observeJob, podsToAskToEnd } from '../../../src/adapters/kubernetes/gang-signs.ts';
import type { Snapshot } from '../../../src/adapters/kubernetes/jobs-view.ts';
import { classifyEnd } from '../../../src/rules/attempt-ends.ts';
import { NO_EVIDENCE } from '../../support/end-evidence.ts';

const SECOND = 1000;
const NOW = Date.UTC(2026, 10, 29, 12);
const GRACE = 15;
const CREATED = NOW - 3600 * SECOND;

type Cause = 'crash' | 'bad input' | 'out of memory' | 'eviction' | 'node gone' | 'deleted by hand';
interface Story {
  readonly nodes: number;
  /** Whom it befell, and how long ago. */
  readonly victim: number;
  readonly cause: Cause;
  readonly ago: number;
  /** Seconds after the victim's end until each of the others has ended because of it; null: it still runs. */
  readonly after: readonly (number | null)[];
  /** With what those end that are not asked by Kubernetes: saved and 143, or because they lost a peer. */
  readonly followers: 1 | 143;
  /** What the Job controller says of the Job comes by another watch than what its pods do. */
  readonly isHeard: boolean;
}

const story: fc.Arbitrary<Story> = fc.integer({ min: 2, max: 6 }).chain((nodes) =>
  fc.record({
    nodes: fc.constant(nodes),
    victim: fc.nat({ max: nodes - 1 }),
    cause: fc.constantFrom<Cause>('crash', 'bad input', 'out of memory', 'eviction', 'node gone', 'deleted by hand'),
    ago: fc.integer({ min: 60, max: 3000 }),
    after: fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { freq: 4 }), { minLength: nodes, maxLength: nodes }),
    followers: fc.constantFrom(1 as const, 143 as const),
    isHeard: fc.boolean(),
  }),
);

const at = (ms: number): string => new Date(ms).toISOString();
const EXIT_CODES: Readonly<Record<Cause, number>> = {
  crash: 1,
  'bad input': 65,
  'out of memory': 137,
  eviction: 143,
  'node gone': 143,
  'deleted by hand': 143,
};

interface PodTold {
  readonly rank: number;
  readonly exit: { readonly code: number; readonly at: number; readonly reason?: string } | null;
  readonly deletionAskedAt?: number;
  readonly disruptedAt?: number;
  readonly waiting?: boolean;
  /** To end, by us. */
  readonly asked?: boolean;
}
function podOf({ rank, exit, deletionAskedAt, disruptedAt, waiting, asked }: PodTold): object {
  const startedAt = at(CREATED + 5 * SECOND);
  const state = exit
    ? {
        terminated: {
          exitCode: exit.code,
          reason: exit.reason ?? (exit.code === 0 ? 'Completed' : 'Error'),
          startedAt,
          finishedAt: at(exit.at),
        },
      }
    : { running: { startedAt } };
  const placed = { type: 'PodScheduled', status: 'True', lastTransitionTime: startedAt };
  const unplaced = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' };
  const disrupted = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime: at(disruptedAt ?? 0) };
  return {
    metadata: {
      name: `job-${rank}-x`,
      creationTimestamp: at(CREATED),
      ...(asked ? { annotations: { 'longhaul.dev/terminate-requested': at(NOW) } } : {}),
      ...(deletionAskedAt === undefined
        ? {}
        : { deletionTimestamp: at(deletionAskedAt + GRACE * SECOND), deletionGracePeriodSeconds: GRACE }),
    },
    spec: { ...(waiting ? {} : { nodeName: `node-${rank}` }), terminationGracePeriodSeconds: GRACE },
    status: {
      phase: waiting ? 'Pending' : exit ? (exit.code === 0 ? 'Succeeded' : 'Failed') : 'Running',
      conditions: [waiting ? unplaced : placed, ...(disruptedAt === undefined ? [] : [disrupted])],
      containerStatuses: waiting ? [] : [{ name: 'main', state }],
    },
  };
}

const jobOf = (nodes: number, failed?: { readonly at: number; readonly pod: string }): object => ({
  metadata: { name: 'job', creationTimestamp: at(CREATED) },
  spec: { completionMode: 'Indexed', completions: nodes },
  status: {
    startTime: at(CREATED),
    ...(failed
      ? {
          conditions: [
            {
              type: 'FailureTarget',
              status: 'True',
              lastTransitionTime: at(failed.at),
              message: `Container main for pod ns/${failed.pod} failed`,
            },
          ],
        }
      : {}),
  },
});
const snapshotOf = (job: object, pod: object | null, more: object = {}): Snapshot => ({
  job,
  pod,
  podGone: false,
  node: null,
  nodeGone: false,
  silentCluster: null,
  warning: null,
  queueWords: null,
  ...more,
});

function told({ nodes, victim, cause, ago, after, followers, isHeard }: Story): Snapshot[] {
  const endedAt = NOW - ago * SECOND;
  const job = jobOf(nodes, isHeard ? { at: endedAt + SECOND, pod: `job-${victim}-x` } : undefined);
  return Array.from({ length: nodes }, (_, rank) => {
    if (rank === victim) {
      const exit = { code: EXIT_CODES[cause], at: endedAt, ...(cause === 'out of memory' ? { reason: 'OOMKilled' } : {}) };
      if (cause === 'node gone') return snapshotOf(job, podOf({ rank, exit: null }), { nodeGone: true });
      const disruptedAt = cause === 'eviction' ? endedAt - SECOND : undefined;
      const deletionAskedAt = cause === 'eviction' || cause === 'deleted by hand' ? endedAt - SECOND : undefined;
      return snapshotOf(
        job,
        podOf({
          rank,
          exit,
          ...(disruptedAt === undefined ? {} : { disruptedAt }),
          ...(deletionAskedAt === undefined ? {} : { deletionAskedAt }),
        }),
      );
    }
    const seconds = after[rank] ?? null;
    // The Job controller asks those that still run a second after the first one failed.
    const isAsked = seconds === null || seconds > 1;
    const exit = seconds === null ? null : { code: isAsked ? 143 : followers, at: endedAt + seconds * SECOND };
    // It also deletes those of which the kubelet has not said yet that they have ended.
    return snapshotOf(job, podOf({ rank, exit, deletionAskedAt: endedAt + SECOND }));
  });
}

const verdictOf = (seen: Observation): string => {
  if (seen.kind !== 'ended' && seen.kind !== 'ending') return seen.kind;
  return classifyEnd({ ...seen.end, logTail: '' }, NO_EVIDENCE).verdict;
};

function truth({ cause, after, nodes, victim }: Story): string {
  const someHang = Array.from({ length: nodes }, (_, rank) => rank).some((rank) => rank !== victim && after[rank] === null);
  switch (cause) {
    case 'eviction':
    case 'node gone':
      return 'preempted';
    case 'bad input':
      return 'bad-input';
    case 'out of memory':
      return 'out-of-memory';
    case 'deleted by hand':
      return 'deleted';
    // A machine that does not end its pod when asked is gone, and took the others with it.
    case 'crash':
      return someHang ? 'preempted' : 'crashed';
  }
}

describe('an attempt on several pods', () => {
  it('ends as the rank that ended first, whatever the others did because of it', () => {
    fc.assert(
      fc.property(story, (each) => {
        const seen = observeJob(told(each), NOW);
        expect(verdictOf(seen)).toBe(truth(each));
        const allOver = each.after.every((seconds, rank) => rank === each.victim || seconds !== null);
        expect(seen.kind).toBe(allOver || each.cause === 'node gone' ? 'ended' : 'ending');
        if (seen.kind !== 'ended' && seen.kind !== 'ending') return;
        expect(seen.end.nodes?.map(({ rank }) => rank)).toEqual(Array.from({ length: each.nodes }, (_, rank) => rank));
        expect(seen.end).toMatchObject({ startedAt: CREATED + 5 * SECOND, notStarted: null });
        // What still runs is removed before another attempt asks for its machine.
        if (!allOver) expect(seen.end.lingering).toBe('job');
        if (seen.kind === 'ending') expect(seen.settleSeconds).toBeLessThanOrEqual(GRACE + 5);
      }),
      { numRuns: 1000 },
    );
  });

  it('is waited for where pods’ ends are told before those of their containers, and counts at once only as it does with them', () => {
    fc.assert(
      fc.property(story, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), (each, isUntold) => {
        const snapshots = told(each);
        const late = snapshots.flatMap(({ pod }, rank) => {
          const state = pod?.status?.containerStatuses?.[0]?.state;
          if (!isUntold[rank] || !state?.terminated) return [];
          state.running = { startedAt: state.terminated.startedAt! };
          delete state.terminated;
          pod?.status?.conditions?.push({ type: 'Ready', status: 'False', lastTransitionTime: new Date(NOW) });
          return [rank];
        });
        const seen = observeJob(snapshots, NOW);
        if (seen.kind === 'ended') expect(verdictOf(seen)).toBe(truth(each));
        else expect(seen.kind).toBe('ending');
        if (seen.kind === 'ending') expect(seen.settleSeconds).toBeLessThanOrEqual(GRACE + 30);
        if (late.includes(each.victim) && each.cause !== 'eviction') expect(seen.kind).toBe('ending');
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['was killed', undefined, 'crashed'],
    ['was disrupted and then killed', NOW - 3 * SECOND, 'preempted'],
  ])('where one rank %s and another saved in the same second, ends as the first of them in either order', (_, disruptedAt, verdict) => {
    const job = jobOf(2);
    const told = disruptedAt === undefined ? {} : { disruptedAt };
    for (const killed of [0, 1]) {
      const snapshots = [0, 1].map((rank) =>
        snapshotOf(job, podOf({ rank, exit: { code: rank === killed ? 137 : 143, at: NOW - SECOND }, ...(rank === killed ? told : {}) })),
      );
      const seen = observeJob(snapshots, NOW);
      if (seen.kind !== 'ended') throw new Error(seen.kind);
      const latest = { checkpoint: '7-1', attempt: 1, step: 7, samples: 14, reason: 'sigterm' as const };
      expect(classifyEnd({ ...seen.end, logTail: '' }, { ...NO_EVIDENCE, latest }).verdict).toBe(verdict);
    }
  });

  it('does not depend on the order of the ranks', () => {
    fc.assert(
      fc.property(story, (each) => {
        fc.pre(each.cause !== 'crash');
        const snapshots = told(each);
        expect(verdictOf(observeJob(snapshots.toReversed(), NOW))).toBe(verdictOf(observeJob(snapshots, NOW)));
      }),
    );
  });

  it('has succeeded when all have, and runs until then', () => {
    const job = jobOf(3);
    const done = (rank: number, ended: boolean): Snapshot =>
      snapshotOf(job, podOf({ rank, exit: ended ? { code: 0, at: NOW - (9 - rank) * SECOND } : null }));
    expect(observeJob([done(0, false), done(1, true), done(2, true)], NOW).kind).toBe('running');
    expect(observeJob([done(0, true), done(1, true), done(2, true)], NOW)).toMatchObject({
      kind: 'ended',
      end: { state: 'succeeded', exitCode: 0, endedAt: NOW - 7 * SECOND, lingering: null },
    });
  });

  it('waits until all run, and is told how many do not', () => {
    const job = jobOf(2);
    const seen = observeJob(
      [snapshotOf(job, podOf({ rank: 0, exit: null })), snapshotOf(job, podOf({ rank: 1, exit: null, waiting: true }))],
      NOW,
    );
    expect(seen).toMatchObject({
      kind: 'waiting',
      wait: { patience: 'capacity', reason: 'no-capacity', since: CREATED },
      status: { phase: 'pending', message: '1 of 2 pods wait: 0/1 nodes are available', node: null, startedAt: null },
    });
  });

  it('had no capacity where a rank gave up before the others had a machine, but not where it says what is wrong', () => {
    const job = jobOf(2);
    const seen = (code: number): Observation =>
      observeJob(
        [
          snapshotOf(job, podOf({ rank: 0, exit: { code, at: NOW - SECOND } })),
          snapshotOf(job, podOf({ rank: 1, exit: null, waiting: true })),
        ],
        NOW,
      );
    expect([verdictOf(seen(1)), verdictOf(seen(78))]).toEqual(['no-capacity', 'bad-input']);
    const pods = [podOf({ rank: 0, exit: null }), podOf({ rank: 1, exit: null, waiting: true })];
    const [first, ...others] = pods.map((pod) => snapshotOf(job, pod));
    first!.pod!.status!.phase = 'Failed';
    expect(observeJob([first!, ...others], NOW).kind).toBe('ending');
    expect(seen(1)).toMatchObject({
      end: { message: '1 of 2 pods wait: 0/1 nodes are available; rank 0 did not wait for them: exit code 1', lingering: 'job' },
    });
  });

  it('was preempted where the sign is on a pod that has not ended yet', () => {
    const job = jobOf(2);
    const seen = observeJob(
      [
        snapshotOf(job, podOf({ rank: 0, exit: { code: 143, at: NOW - SECOND } })),
        snapshotOf(job, podOf({ rank: 1, exit: null, disruptedAt: NOW - 2 * SECOND, deletionAskedAt: NOW - 2 * SECOND })),
      ],
      NOW,
    );
    expect(verdictOf(seen)).toBe('preempted');
    expect(seen.kind).toBe('ending');
  });

  it.each([
    ['saved', { 1: 143 }, true, true],
    ['saved, as has another one', { 1: 143, 2: 143 }, true, true],
    ['still saves while another one has', { 2: 143 }, true, true],
    ['saved, which nobody had asked for', { 1: 143 }, false, false],
    ['was killed', { 1: 137 }, true, false],
    ['saved, and another one was killed', { 1: 143, 2: 137 }, true, false],
    ['saved, and another one had ended by itself', { 1: 143, 2: 0 }, true, false],
    ['has not ended', {}, true, true],
  ])(
    'is about to let go where of three ranks the one that was to go %s',
    (_, codes: Readonly<Record<number, number>>, isToGo, expected) => {
      const sign = isToGo ? { disruptedAt: NOW - 3 * SECOND, deletionAskedAt: NOW - 3 * SECOND } : {};
      const pods = [0, 1, 2].map((rank) => {
        const code = codes[rank];
        return podOf({ rank, exit: code === undefined ? null : { code, at: NOW - SECOND }, ...(rank === 1 ? sign : {}) });
      });
      const seen = observeJob(
        pods.map((pod) => snapshotOf(jobOf(3), pod)),
        NOW,
      );
      const going = 'going' in seen ? seen.going : undefined;
      expect(going !== undefined).toBe(expected);
      if (going !== undefined) {
        expect(classifyEnd({ ...going.end, logTail: '' }, NO_EVIDENCE).verdict).toBe('preempted');
        expect(going.end.nodes?.map(({ exitCode }) => exitCode)).toEqual([0, 1, 2].map((rank) => codes[rank] ?? null));
      }
      // All of them have said so: there is nothing left to be handed over.
      const all = [0, 1, 2].map((rank) => snapshotOf(jobOf(3), podOf({ rank, exit: { code: 143, at: NOW }, ...(rank === 1 ? sign : {}) })));
      expect(observeJob(all, NOW)).not.toHaveProperty('going');
    },
  );

  it('was deleted by somebody where the other ranks, asked to end because of it, were quicker', () => {
    const pods = (victim: number): Snapshot[] =>
      [0, 1, 2].map((rank) => {
        if (rank !== victim) return snapshotOf(jobOf(3), podOf({ rank, exit: { code: 143, at: NOW - 9 * SECOND }, asked: true }));
        return snapshotOf(jobOf(3), podOf({ rank, exit: { code: 143, at: NOW - SECOND }, deletionAskedAt: NOW - 10 * SECOND }));
      });
    for (const victim of [0, 1, 2]) expect(verdictOf(observeJob(pods(victim), NOW))).toBe('deleted');
  });

  it.each([0, 143])('was asked to end where all were, and not where one was to go and saved with %i', (code) => {
    const exit = { code, at: NOW - SECOND };
    const ends = (first: object): boolean[] =>
      [0, 1].map((victim) => {
        const pods = [0, 1].map((rank) => podOf({ rank, exit, ...(rank === victim ? first : { asked: true }) }));
        const seen = observeJob(
          pods.map((pod) => snapshotOf(jobOf(2), pod)),
          NOW,
        );
        return 'end' in seen && seen.end.askedToEnd === true;
      });
    expect(ends({ asked: true })).toEqual([true, true]);
    expect(ends({ deletionAskedAt: NOW - 2 * SECOND })).toEqual([false, false]);
  });

  it('tells the other ranks that run when one is to go, and each once', () => {
    const job = jobOf(4);
    const going = podOf({ rank: 0, exit: null, deletionAskedAt: NOW - SECOND });
    const others = [
      podOf({ rank: 1, exit: null }),
      podOf({ rank: 2, exit: null, asked: true }),
      podOf({ rank: 3, exit: { code: 0, at: NOW - SECOND } }),
    ];
    const all = (first: object): Snapshot[] => [first, ...others].map((pod) => snapshotOf(job, pod));
    expect(podsToAskToEnd(all(going))).toEqual(['job-1-x']);
    expect(podsToAskToEnd(all(podOf({ rank: 0, exit: null })))).toEqual([]);
    // Whom we asked and Kubernetes deletes afterwards is no sign.
    expect(podsToAskToEnd(all(podOf({ rank: 0, exit: null, deletionAskedAt: NOW, asked: true })))).toEqual([]);
    // Nor is one that is done and cleared away.
    expect(podsToAskToEnd(all(podOf({ rank: 0, exit: { code: 0, at: NOW - 9 * SECOND }, deletionAskedAt: NOW })))).toEqual([]);
    expect(podsToAskToEnd([snapshotOf(jobOf(1), going)])).toEqual([]);
  });

  it('is not there where neither Job nor pods are', () => {
    const nothing = { ...snapshotOf({}, null), job: null };
    expect(observeJob([nothing, nothing], NOW)).toEqual({ kind: 'absent' });
  });
});

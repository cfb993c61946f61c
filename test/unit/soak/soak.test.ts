import { describe, expect, it } from 'vitest';
import { misjudged } from '../../soak/checks.ts';
import { compressed, real, secondsOf } from '../../soak/scale.ts';
import { describeTimeline, timelineOf, TRIALS, type EventKind } from '../../soak/timeline.ts';
import { lossesIn } from '../../soak/traces.ts';

const kindsOf = (events: readonly { readonly kind: EventKind }[]): Set<EventKind> => new Set(events.map(({ kind }) => kind));

describe('the days of a soak', () => {
  it('are the same for the same seed, and others for another one', () => {
    const of = (seed: number): string => describeTimeline(timelineOf({ seed, days: 5, world: 'embedded' }));
    expect(of(7)).toBe(of(7));
    expect(of(7)).not.toBe(of(8));
  });

  it('have a deploy and a gc each, a night without workers, outages and a weekend, in every seed', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const events = timelineOf({ seed, days: 5, world: seed % 2 ? 'embedded' : 'cloud' });
      const count = (kind: EventKind): number => events.filter((event) => event.kind === kind).length;
      expect([count('deploy'), count('gc'), count('weekend'), count('night-without-workers')]).toEqual([5, 5, 1, 1]);
      const always: EventKind[] = ['store-outage', 'restart-temporal', seed % 2 ? 'sleep' : 'expire-tokens'];
      for (const kind of always) expect(kindsOf(events)).toContain(kind);
      expect(events.every(({ hour }, at) => hour >= (events[at - 1]?.hour ?? 0))).toBe(true);
    }
  });

  it('take machines away when the traces say so', () => {
    const preemptions = Array.from({ length: TRIALS }, (_, trial) => [trial, trial + 0.1, 300]);
    const events = timelineOf({ seed: 1, days: 5, world: 'embedded', preemptions }).filter(({ kind }) => kind === 'preempt');
    expect(events.map(({ hour, trial }) => [trial, hour])).toEqual([0, 1, 2, 3, 4].map((trial) => [trial, trial]));
    expect(lossesIn({ metadata: { gap_seconds: 1800 }, data: [3, 3, 2, 0, 0, 1, 1, 0] }, 0, 4)).toEqual([1, 1.5, 3.5]);
  });

  it('pass in minutes, or in the hours that were asked for', () => {
    expect(secondsOf(compressed(5), 24)).toBe(60);
    const scale = real(5, 2);
    expect(scale.factor).toBe(1);
    expect(secondsOf(scale, 7 * 24)).toBeCloseTo(7200);
  });
});

describe('an attempt that ended', () => {
  const none = [0, 0, 0, 0, 0];
  const done = { preempted: [1, ...none.slice(1)], killed: none, pauses: 1, garbage: [], events: [] };
  const attempt = (number: number, verdict: string, trial = 0): Record<string, unknown> => ({
    trial,
    attempt: number,
    verdict,
    cause: 'x',
  });

  it('may end as it was made to', () => {
    const rows = [attempt(1, 'preempted'), attempt(2, 'stopped'), attempt(3, 'succeeded'), attempt(1, 'crashed', 1)];
    expect(misjudged(rows, done, 0)).toEqual([]);
  });

  it('may be a crash where its machine went before it had begun', () => {
    const cause = 'SIGTERM that we did not send, without a checkpoint';
    const early = { ...attempt(1, 'crashed'), cause, seconds: 3 };
    expect(misjudged([early], done, 0)).toEqual([]);
    expect(misjudged([{ ...early, seconds: 90 }], done, 0).join()).toContain('judged crashed');
    expect(misjudged([early, attempt(2, 'preempted')], done, 0).join()).toContain('judged crashed');
  });

  it.each([
    [[attempt(1, 'silent')], 'judged silent, 0 were made so'],
    [[attempt(1, 'crashed')], 'judged crashed, 0 were made so'],
    [[attempt(1, 'preempted'), attempt(2, 'preempted')], '2 attempts were judged preempted, 1 were made so'],
    [[attempt(1, 'bad-input')], 'judged bad-input'],
    [[attempt(1, 'succeeded'), attempt(2, 'succeeded')], '2 attempts were judged succeeded'],
  ])('is judged wrongly where nothing explains it', (rows, problem) => {
    expect(misjudged(rows, done, 0).join()).toContain(problem);
  });
});

import { describe, expect, it } from 'vitest';
import { requestBudget, tooMany } from '../../soak/budget.ts';
import { countsOf } from '../../soak/meter.ts';
import { join } from 'node:path';
import { compile } from '../../../src/compile/index.ts';
import { isUnseen, misjudged } from '../../soak/checks.ts';
import { partsOf, settingsOf, trackerFaults } from '../../soak/parts.ts';
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

describe('the parts of a soak', () => {
  it('are the same for the same seed, each is in some seeds and not in others, and none is without any', () => {
    const all = Array.from({ length: 50 }, (_, seed) => partsOf(seed, 'cloud'));
    expect(all).toEqual(Array.from({ length: 50 }, (_, seed) => partsOf(seed, 'cloud')));
    for (const part of ['check', 'train', 'sampler', 'promotion', 'tracker', 'digests'] as const) {
      const with_ = all.filter((parts) => parts.includes(part)).length;
      expect([part, with_ > 10 && with_ < 40]).toEqual([part, true]);
    }
    expect(all.every((parts) => parts.length > 0)).toBe(true);
    // Processes have no images.
    expect(all.flatMap((_, seed) => partsOf(seed, 'embedded'))).not.toContain('digests');
  });

  it('are compiled with the pipeline', async () => {
    const parts = ['check', 'train', 'sampler', 'promotion'] as const;
    const pipeline = join(import.meta.dirname, '..', '..', 'soak', 'pipeline', 'pipeline.yaml');
    const shipped: string[] = [];
    const { steps } = await compile(pipeline, {
      set: ['params.trainer=/trainer.py', ...settingsOf(parts)],
      cwd: join(import.meta.dirname, '..', '..', '..'),
      ship: (digest) => void shipped.push(digest),
    });
    expect(steps.map(({ id }) => id)).toEqual(expect.arrayContaining(['check', 'train', 'evaluate']));
    const search = steps.find(({ id }) => id === 'search')?.spec;
    expect(search).toMatchObject({ sampler: { class: 'ladder:Ladder', code: { sha256: shipped[0] } } });
  });

  it('have a tracker whose answers fail a few times, in whichever seed', () => {
    for (let seed = 0; seed < 50; seed++) {
      const faults = trackerFaults(seed);
      expect(faults.size).toBeGreaterThan(0);
      expect(faults.size).toBeLessThanOrEqual(5);
    }
  });
});

describe('the requests of a soak', () => {
  const compressedSoak = { scale: compressed(5), seconds: 500, hours: 200, events: 55, attempts: 39 };
  const realSoak = (realHours: number, seconds: number, hours: number) => ({
    scale: real(5, realHours),
    seconds,
    hours,
    events: 33,
    attempts: 24,
  });

  it('are bounded by the hours that were played where waits are as compressed as they', () => {
    expect(tooMany({ temporal: 60 * TRIALS * 200, gcs: 300 * TRIALS * 200 }, compressedSoak)).toEqual([]);
    expect(tooMany({ temporal: 60 * TRIALS * 200 + 1 }, compressedSoak)).toEqual([
      '60001 requests to temporal in 500 s (200 h played), at most 60000',
    ]);
    expect(tooMany({ temporal: 301 }, { ...compressedSoak, hours: 0.1 })).toHaveLength(1);
  });

  it('of real hours are bounded by those, and by what happened in them', () => {
    // The same events in ten times as long: what is asked by the clock alone grows, and so does its bound.
    const [short, long] = [requestBudget('temporal', realSoak(0.7, 1446, 96)), requestBudget('temporal', realSoak(7, 14_460, 96))];
    expect(long - short).toBeCloseTo(((14_460 - 1446) / 3600) * (60 * TRIALS + 3000));
    // However many hours are said to have been played meanwhile.
    expect(requestBudget('temporal', realSoak(0.7, 1446, 10_000))).toBe(short);
  });

  // docs/reliability.md: requests a trial and played hour, with every worker describing all that was open every five seconds, and after that was mended.
  it.each([
    [0.7, 86.6, 1446, 96, true],
    [2, 534.7, 4039, 94, true],
    [0.3, 15.5, 954, 149, false],
    [0.45, 19, 1421, 146, false],
  ])('tell %s h with a storm from one without', (realHours, each, seconds, hours, isStorm) => {
    expect(tooMany({ temporal: each * hours * TRIALS }, realSoak(realHours, seconds, hours))).toHaveLength(isStorm ? 1 : 0);
  });

  it('know no budget for a system that nobody has thought of', () => {
    expect(tooMany({ other: 1 }, compressedSoak)).toHaveLength(1);
  });

  it('are counted without the polls of workers, which wait for tasks', () => {
    const line = (operation: string, count: number): string =>
      `service_requests{namespace="default",operation="${operation}",service_name="frontend"} ${count}`;
    const text = [
      line('PollActivityTaskQueue', 900),
      line('PollWorkflowTaskQueue', 900),
      line('StartWorkflowExecution', 3),
      line('PollWorkflowExecutionUpdate', 4),
    ];
    expect([...countsOf(text.join('\n'))]).toEqual([
      ['StartWorkflowExecution', 3],
      ['PollWorkflowExecutionUpdate', 4],
    ]);
  });
});

describe('an attempt that ended', () => {
  const none = [0, 0, 0, 0, 0];
  const done = { preempted: [1, ...none.slice(1)], killed: none, pauses: 1, garbage: [], events: [], nights: [] };
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

  it('was seen by nobody only where it began and ended in a night', () => {
    const nights = [{ from: Date.UTC(2026, 0, 1, 1), to: Date.UTC(2026, 0, 1, 2) }];
    const between = (start: string, end: string): Record<string, unknown> => ({
      started_at: `2026-01-01T${start}Z`,
      ended_at: `2026-01-01T${end}Z`,
    });
    expect(isUnseen(between('00:59:50', '01:30:00'), { nights })).toBe(true);
    expect(isUnseen(between('00:58:00', '01:30:00'), { nights })).toBe(false);
    expect(isUnseen(between('01:00:01', '02:00:10'), { nights })).toBe(false);
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

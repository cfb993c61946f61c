import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorkerLiveness } from '../../../src/rules/worker-liveness.ts';

const SILENT_MS = 15_000;
const LOOK_MS = 5000;
const words = (said: Readonly<Record<string, number>>): Map<string, string> =>
  new Map(Object.entries(said).map(([identity, word]) => [identity, String(word)]));

describe('who of the workers lives', () => {
  it('takes for dead whom nobody hears any more, once, and nobody else', () => {
    const lives = new WorkerLiveness('own', SILENT_MS);
    const deaths: number[] = [];
    for (let now = 0; now <= 60_000; now += LOOK_MS) {
      lives.heard(words({ own: now, living: now, killed: Math.min(now, 20_000) }), now);
      if (lives.someoneDied(now)) deaths.push(now);
      expect(lives.isDead('living', now)).toBe(false);
      expect(lives.isDead('killed', now)).toBe(now >= 35_000);
    }
    // The first is the look for those who died before this one listened.
    expect(deaths).toEqual([15_000, 35_000]);
  });

  it('knows that a stranger is dead only when it would have heard it', () => {
    const lives = new WorkerLiveness('own', SILENT_MS);
    lives.heard(words({ own: 1 }), 1000);
    expect(lives.isDead('stranger', 15_999)).toBe(false);
    expect(lives.isDead('stranger', 16_000)).toBe(true);
  });

  it('notices one that vanishes from the list', () => {
    const lives = new WorkerLiveness('own', SILENT_MS);
    lives.heard(words({ own: 1, other: 1 }), 0);
    for (let now = LOOK_MS; now < SILENT_MS; now += LOOK_MS) lives.heard(words({ own: now }), now);
    expect(lives.isDead('other', SILENT_MS - 1)).toBe(false);
    expect(lives.isDead('other', SILENT_MS)).toBe(true);
  });

  it('takes nobody for dead in a time in which it was not told of itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ own: fc.boolean(), other: fc.boolean(), pauseMs: fc.integer({ min: 1, max: 10_000 }) })),
        (looks) => {
          const lives = new WorkerLiveness('own', SILENT_MS);
          let now = 0;
          let heardSince: number | null = null;
          looks.forEach(({ own, other, pauseMs }, i) => {
            now += pauseMs;
            lives.heard(words({ ...(own ? { own: i } : {}), ...(other ? { other: i } : {}) }), now);
            heardSince = own ? (heardSince ?? now) : null;
            if (heardSince === null || now - heardSince < SILENT_MS) expect(lives.isDead('other', now)).toBe(false);
            expect(lives.isDead('own', now)).toBe(false);
          });
        },
      ),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { TailPace } from '../../../src/console/tail-pace.ts';
import { GRACES } from '../../../src/rules/durations.ts';
import { random } from '../../support/random.ts';

const LOOK_MS = GRACES.consoleModelLookMs;

/** Times of records → how late each was seen, and how many looks that took. */
function played(records: readonly number[], untilMs: number): { readonly late: number[]; readonly looks: number } {
  const pace = new TailPace();
  const late: number[] = [];
  let looks = 0;
  let seen = 0;
  for (let now = 0; now <= untilMs; now += LOOK_MS) {
    if (!pace.isDue('t', true, now)) continue;
    looks++;
    const before = seen;
    while (seen < records.length && (records[seen] ?? 0) <= now) late.push(now - (records[seen++] ?? 0));
    pace.looked('t', seen > before, now);
  }
  return { late, looks };
}

describe('how often records of a trial are looked for', () => {
  it.each([1_000, 5_000, 30_000, 120_000])('sees one that comes each %i ms within 0.35 s, with few looks', (gap) => {
    const generator = random(3);
    const records = Array.from({ length: 60 }, (_, i) => (i + 1) * gap + Math.floor(generator.next() * 0.3 * gap));
    const { late, looks } = played(records, 61 * gap);
    // Its rhythm is known after three.
    expect(Math.max(...late.slice(3))).toBeLessThanOrEqual(GRACES.tailLookShortestMs + LOOK_MS);
    expect(looks).toBeLessThan((0.85 * 61 * gap) / GRACES.tailLookShortestMs + 10);
  });

  it('looks seldom for what does not come, and at once when the trial has ended', () => {
    expect(played([], 600_000).looks).toBeLessThan(600_000 / GRACES.tailLookLongestMs + 20);
    const pace = new TailPace();
    pace.looked('t', false, 0);
    expect(pace.isDue('t', false, 1_000_000)).toBe(false);
    pace.hurry('t');
    expect(pace.isDue('t', false, 1)).toBe(true);
    pace.looked('t', true, 1);
    expect(pace.isDue('t', false, 1_000_000)).toBe(false);
  });
});

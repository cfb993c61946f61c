import { describe, expect, test } from 'vitest';
import { newerSign, lastedText, lostAfterSeconds, silenceText, silentClusters, withMovedGb } from '../../../src/rules/clusters.ts';
import { WAITS } from '../../../src/rules/durations.ts';
import { Profile } from '../../../src/contract/profile.ts';

const profile = (clusters?: object): Profile =>
  Profile.parse({
    warehouse: { kind: 'duckdb', path: '/w' },
    storage: { kind: 'directory', path: '/s' },
    compute: { kind: 'process', path: '/c' },
    ...(clusters ? { clusters } : {}),
  });

describe('a cluster that does not answer', () => {
  test('is waited for where it is the only one, and else for as long as the profile says', () => {
    expect(lostAfterSeconds(profile(), {})).toBeNull();
    const several = profile({ a: { kind: 'process', path: '/a', lostAfterSeconds: 90 }, b: { kind: 'process', path: '/b' } });
    expect(lostAfterSeconds(several, { cluster: 'a' })).toBe(90);
    expect(lostAfterSeconds(several, { cluster: 'b' })).toBe(WAITS.clusterLostSeconds);
  });

  test.each([
    [8, '8 s'],
    [720, '12 min'],
    [3 * 3600 + 5 * 60, '3 h 5 min'],
  ])('is told of after %i s', (seconds, text) => {
    expect(lastedText(seconds * 1000)).toBe(text);
    expect(silenceText('us-east1', seconds)).toBe(`cluster us-east1 does not answer for ${text}`);
  });

  test('and what a move elsewhere reads is measured, unless the profile says it', () => {
    const rules = profile().placement;
    expect(withMovedGb(rules, undefined)).toBe(rules);
    expect(withMovedGb(rules, 3e9)).toEqual({ ...rules, movedGb: 3 });
    expect(withMovedGb({ ...rules, movedGb: 50 }, 3e9).movedGb).toBe(50);
  });

  test('is known by the last sign of all trials, in whichever order they come', () => {
    const [silent, silentStill, heard] = [
      { silentSince: 100, askedAt: 110 },
      { silentSince: 150, askedAt: 160 },
      { silentSince: null, askedAt: 200 },
    ];
    expect(newerSign(undefined, silent)).toEqual(silent);
    expect(newerSign(silent, silentStill)).toEqual({ silentSince: 100, askedAt: 160 });
    expect(newerSign(silentStill, silent)).toEqual({ silentSince: 100, askedAt: 160 });
    expect(newerSign(silentStill, heard)).toEqual(heard);
    expect(newerSign(heard, silentStill)).toEqual(heard);
    expect(silentClusters({ us: silent, eu: heard, asia: silentStill })).toEqual([
      { name: 'asia', silentSince: 150 },
      { name: 'us', silentSince: 100 },
    ]);
  });
});

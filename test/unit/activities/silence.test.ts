import { afterEach, describe, expect, it, vi } from 'vitest';
import { Silence } from '../../../activities/silence.ts';

const HOUR_MS = 3_600_000;

describe('the silence of a trainer', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is counted from its last record, or from when it was first seen to run', () => {
    let now = 5_000;
    const silence = new Silence(1_000, () => now);
    const after = (ms: number, heard: boolean): boolean => {
      now += ms;
      return silence.isTooLong('running', heard);
    };
    expect(silence.isTooLong('pending', false)).toBe(false);
    expect([after(0, false), after(1_000, false), after(500, true), after(1_000, false)]).toEqual([false, false, false, false]);
    expect(after(1, false)).toBe(true);
    expect(silence.isTooLong('ended', false)).toBe(false);
    expect(after(1, true)).toBe(false);
  });

  it('is never too long where the profile says 0', () => {
    let now = 0;
    const silence = new Silence(0, () => (now += HOUR_MS));
    expect([silence.isTooLong('running', false), silence.isTooLong('running', false)]).toEqual([false, false]);
  });

  it.each([1, -1])('is not made by a clock that is set %i day forward', (days) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const silence = new Silence(600_000);
    expect(silence.isTooLong('running', true)).toBe(false);
    vi.setSystemTime(Date.now() + days * 24 * HOUR_MS);
    expect(silence.isTooLong('running', false)).toBe(false);
  });
});

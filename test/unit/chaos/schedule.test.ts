import { describe, expect, it } from 'vitest';
import { FAULTS, FAULT_KINDS, PHASES, WORLDS } from '../../chaos/faults.ts';
import { describeFaults, mixedScheduleOf, parseFaults, scheduleOf, shrink, worldOf, type Fault } from '../../chaos/schedule.ts';

const SEEDS = Array.from({ length: 500 }, (_, seed) => seed);

describe('schedules of faults', () => {
  it('are the same for the same seed, and differ between seeds', () => {
    for (const seed of SEEDS) expect(scheduleOf(seed)).toEqual(scheduleOf(seed));
    expect(new Set(SEEDS.map((seed) => describeFaults(scheduleOf(seed).faults))).size).toBeGreaterThan(450);
  });

  it.each(WORLDS)('of 500 seeds in the %s world have every kind of fault of it, in every phase, and one cancellation at most', (world) => {
    const schedules = SEEDS.map((seed) => scheduleOf(seed, { world }));
    const faults = schedules.flatMap((schedule) => schedule.faults);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(
      new Set(FAULT_KINDS.filter((kind) => FAULTS[kind].weights[world] !== undefined)),
    );
    expect(new Set(faults.map(({ phase }) => phase))).toEqual(new Set(PHASES));
    for (const schedule of schedules) expect(schedule.faults.filter(({ kind }) => kind === 'cancel').length).toBeLessThan(2);
  });

  it('are played in the cloud for every twentieth seed', () => {
    expect(SEEDS.filter((seed) => mixedScheduleOf(seed).world === 'cloud')).toHaveLength(25);
    expect(mixedScheduleOf(40)).toEqual(scheduleOf(40, { world: 'cloud' }));
    expect(mixedScheduleOf(41)).toEqual(scheduleOf(41));
  });

  it('are read again from the text that a failure prints', () => {
    for (const seed of SEEDS) {
      const { faults } = scheduleOf(seed);
      expect(parseFaults(describeFaults(faults))).toEqual(faults);
    }
    expect(parseFaults('clock-training@search+1:-90m')).toMatchObject([{ minutes: -90 }]);
    expect(() => parseFaults('clock-training@search+1')).toThrow(/of clocks with :MINUTESm/);
    expect(() => parseFaults('kill-moon@search+1')).toThrow(/"kill-moon@search\+1": expected KIND@PHASE\+MS/);
  });

  it('are played where all their faults can be', () => {
    for (const seed of SEEDS) expect(worldOf(scheduleOf(seed).faults)).toBe('embedded');
    expect(worldOf(parseFaults('kill-control@start+1 evict-pod@search+2'))).toBe('cloud');
    expect(() => worldOf(parseFaults('full-disk@start+1 evict-pod@search+2'))).toThrow(/no world has all of/);
  });

  it('shrink to the faults without which nothing fails', async () => {
    const faults = parseFaults('kill-control@start+1 cancel@parts+2 kill-trainer@search+3 full-disk@search+4 stop-control@best+5');
    const needed = new Set(['cancel@parts+2', 'full-disk@search+4']);
    const fails = (some: readonly Fault[]): Promise<boolean> => {
      const left = new Set(some.map((fault) => describeFaults([fault])));
      return Promise.resolve([...needed].every((one) => left.has(one)));
    };
    expect(describeFaults(await shrink(faults, fails))).toBe([...needed].join(' '));
    expect(await shrink(faults.slice(0, 1), () => Promise.resolve(true))).toHaveLength(1);
  });
});

import { expect, it } from 'vitest';
import { MachineUse } from '../../../activities/machine-use.ts';

const AT = 1_760_000_000_000;
const look = (minute: number, cpu: number, memoryMb: number) => ({ at: AT + minute * 60_000, windowSeconds: 15, cpu, memoryMb });

it('means over time, and keeps peaks', () => {
  const use = new MachineUse();
  expect([use.use, use.details]).toEqual([null, {}]);
  use.take(look(0, 2, 100));
  expect(use.use).toEqual({ seconds: 15, cpu: 2, cpuPeak: 2, memoryMb: 100, memoryPeakMb: 100 });
  use.take(look(1, 4, 300));
  use.take(look(3, 1, 200));
  expect(use.use).toMatchObject({ seconds: 195, cpuPeak: 4, memoryPeakMb: 300 });
  expect(use.use?.cpu).toBeCloseTo((2 * 15 + 4 * 60 + 1 * 120) / 195);
  expect(use.use?.memoryMb).toBeCloseTo((100 * 15 + 300 * 60 + 200 * 120) / 195);
});

it('counts a look once, however often it is told, and none from before', () => {
  const use = new MachineUse();
  use.take(look(1, 2, 100));
  const once = use.use;
  use.take(look(1, 9, 900));
  use.take(look(0, 9, 900));
  expect(use.use).toEqual(once);
});

it('goes on where another worker was, and begins anew where that one says nothing it knows', () => {
  const one = new MachineUse();
  const whole = new MachineUse();
  for (const minute of [0, 1, 2]) for (const use of [one, whole]) use.take(look(minute, minute, 10 * minute));
  const other = new MachineUse(JSON.parse(JSON.stringify(one.details.use)));
  for (const minute of [2, 5, 7]) for (const use of [other, whole]) use.take(look(minute, minute, 10 * minute));
  expect(other.use).toEqual(whole.use);
  for (const foreign of [undefined, 7, {}, { seconds: 'x' }, { ...one.use }]) expect(new MachineUse(foreign).use).toBeNull();
});

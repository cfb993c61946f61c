import { describe, expect, it } from 'vitest';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import { Pool } from '../../../src/contract/profile.ts';
import { machineSize } from '../../../src/rules/machine-sizes.ts';
import { sizeAdvice } from '../../../src/rules/size-advice.ts';

const TYPE = 'node.kubernetes.io/instance-type';
const POOLS = [
  Pool.parse({ name: 'spot', spot: true, pricePerHour: 0.3, nodeSelector: { [TYPE]: 'n2-standard-16' } }),
  Pool.parse({ name: 'sure', spot: false, pricePerHour: 0.8, nodeSelector: { [TYPE]: 'n2-standard-16' } }),
];
const MACHINES = {
  'e2-standard-4': { onDemand: 0.14, spot: 0.05 },
  'e2-highcpu-4': { onDemand: 0.1, spot: 0.01 },
  'e2-standard-8': { onDemand: 0.28, spot: 0.1 },
  'made-up-9': { onDemand: 0.001, spot: 0.001 },
};
const GIB = 1024;
const attempt = (changes: Partial<LedgerRow<'attempts'>> = {}): LedgerRow<'attempts'> => ({
  ...{ pipeline: 'p', run: 'r', time: '2026-11-29T00:00:00Z', step: 's', pool: 'spot', seconds: 36_000, measured_seconds: 36_000 },
  ...{ cpu_used: 2.6, cpu_peak: 3.1, memory_used_mb: 4 * GIB, memory_peak_mb: 5 * GIB, wait_share: 0.1 },
  ...changes,
});
const adviceOf = (attempts: readonly LedgerRow<'attempts'>[], changes: Partial<Parameters<typeof sizeAdvice>[0]> = {}) =>
  sizeAdvice({
    ...{ step: 's', resources: { cpu: 14, memoryMb: 48 * GIB, gpu: 0 }, threads: 1, nodes: 1, attempts, pools: POOLS, machines: MACHINES },
    ...changes,
  });

describe('advice about sizes', () => {
  it('names the cheapest machine that holds the peak with room, and what its price had saved over the hours of the run', () => {
    const advice = adviceOf([attempt(), attempt({ seconds: 72_000 })]);
    expect(advice.advised).toEqual({ cpu: 3.75, memoryMb: 6656 });
    // The cheapest one has too little memory, and of the least price nobody knows the size.
    expect(advice.pools).toMatchObject([{ pool: 'spot', machine: 'n2-standard-16', instead: 'e2-standard-4', insteadPerHour: 0.05 }]);
    expect(advice.pools[0]?.saved).toBeCloseTo(7.5);
    // Of four cores a pod does not get four.
    expect(adviceOf([attempt({ cpu_peak: 3.4 })]).pools[0]?.instead).toBe('e2-standard-8');
    expect(advice.notes).toEqual([]);
  });

  it('takes the peak of any attempt, and the mean by time', () => {
    const advice = adviceOf([
      attempt({ cpu_used: 1, measured_seconds: 300 }),
      attempt({ cpu_used: 2, measured_seconds: 100, cpu_peak: 12 }),
    ]);
    expect(advice.used).toMatchObject({ cpu: 1.25, cpuPeak: 12 });
    expect(advice.advised.cpu).toBe(14);
  });

  it('keeps to the threads that equal bits need, and says so', () => {
    const advice = adviceOf([attempt({ cpu_peak: 1 })], { threads: 8 });
    expect(advice.advised.cpu).toBe(8);
    expect(advice.notes.join()).toContain('threads: 8');
  });

  it('asks for more memory where it is tight', () => {
    const advice = adviceOf([attempt({ memory_peak_mb: 9.5 * GIB })], { resources: { cpu: 4, memoryMb: 10 * GIB, gpu: 0 } });
    expect(advice.advised).toEqual({ cpu: 4, memoryMb: 12_800 });
    expect(advice.notes.join()).toContain('memory is tight: 95 %');
  });

  it('leaves more above peaks that were looked for once a minute only', () => {
    const seldom = adviceOf([attempt({ wait_share: null })]);
    // 3.1 cores and 5 GiB at most.
    expect(seldom.advised).toEqual({ cpu: 4.75, memoryMb: 8 * GIB });
    expect(seldom.notes.join()).toMatch(/measured by metrics of pods, about once a minute/);
    expect(adviceOf([attempt(), attempt({ wait_share: null })]).advised).toEqual(seldom.advised);
  });

  it('of several machines saves the price of each', () => {
    expect(adviceOf([attempt()], { nodes: 3 }).pools[0]?.saved).toBeCloseTo(7.5);
  });

  it.each([
    ['nothing was measured', [attempt({ measured_seconds: null })], {}],
    ['too short to judge', [attempt({ measured_seconds: 20 })], {}],
    ['not measured: 1 of', [attempt(), attempt({ measured_seconds: null })], {}],
    ['no price of another machine', [attempt()], { machines: {} }],
    [`names no ${TYPE}`, [attempt()], { pools: [Pool.parse({ name: 'spot', spot: true })] }],
    ['waited for data 40 %', [attempt({ wait_share: 0.4 })], {}],
    ['GPUs were in use 20 %', [attempt({ gpu_used: 0.2 })], {}],
  ])('says: %s', (words, attempts, changes) => {
    expect(adviceOf(attempts, changes).notes.join()).toContain(words);
  });

  it('changes nothing by what was not measured, or for a moment only', () => {
    for (const seconds of [null, 20])
      expect(adviceOf([attempt({ measured_seconds: seconds })])).toMatchObject({ advised: { cpu: 14, memoryMb: 48 * GIB }, pools: [] });
  });
});

it('machine types tell their size, or nothing', () => {
  expect(machineSize('e2-standard-4')).toEqual({ cpu: 4, memoryMb: 16_384 });
  expect(machineSize('n1-highmem-2')).toEqual({ cpu: 2, memoryMb: 13_312 });
  for (const unknown of ['m5.xlarge', 'e2-medium', 'constructor-standard-4', 'a2-highgpu-1g']) expect(machineSize(unknown)).toBeNull();
});

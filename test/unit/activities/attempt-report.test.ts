import { describe, expect, it } from 'vitest';
import { attemptReport } from '../../../activities/attempt-report.ts';
import type { Followed } from '../../../activities/progress-follower.ts';
import type { AttemptVerdict } from '../../../src/contract/jobs.ts';
import type { AttemptInput } from '../../../src/contract/attempts.ts';

const HOUR_MS = 3_600_000;
const POOL = { name: 'spot', spot: true, pricePerHour: 2, onDemandPricePerHour: 6 };

interface Changes {
  readonly nodes?: number;
  readonly end?: object;
  readonly times?: Partial<Followed>;
  readonly pool?: object;
}
/** Two hours that began at 1,000 samples. */
const reportOf = (
  verdict: AttemptVerdict,
  samples: number,
  committedSamples: number,
  { end = {}, times = {}, nodes, pool = {} }: Changes = {},
) =>
  attemptReport({
    input: {
      pool: { ...POOL, ...pool },
      samples: 1000,
      trial: { output: 'file:///out/trial-0', spec: { resources: { nodes } } },
    } as unknown as AttemptInput,
    verdict,
    cause: verdict,
    end: { exitCode: 143, node: 'node-1', startedAt: 0, endedAt: 2 * HOUR_MS, logTail: '', ...end } as Parameters<
      typeof attemptReport
    >[0]['end'],
    followed: {
      lastProgress: 9,
      samples,
      done: 0.5,
      metrics: {},
      trainingFrom: null,
      recordedAt: null,
      use: null,
      everSeen: true,
      ...times,
    },
    committedSamples,
    result: null,
    bestExport: null,
    moveBytes: null,
  });

it('tells of no negative time or money when a clock was set back between an attempt’s start and its end', () => {
  const report = reportOf('preempted', 5000, 4000, { end: { startedAt: 5 * HOUR_MS } });
  expect(report).toMatchObject({ startedAt: 5 * HOUR_MS, endedAt: 5 * HOUR_MS, cost: 0 });
});

describe('what an attempt lost', () => {
  it('is the share of its money for samples that no checkpoint holds', () => {
    expect(reportOf('preempted', 5000, 4000)).toMatchObject({ cost: 4, onDemandCost: 12, lostSamples: 1000, lostCost: 1, samples: 4000 });
  });

  it('is nothing when it was stopped with a checkpoint, or succeeded', () => {
    expect(reportOf('stopped', 5000, 5000)).toMatchObject({ lostSamples: 0, lostCost: 0 });
    expect(reportOf('succeeded', 5000, 0)).toMatchObject({ lostSamples: 0, lostCost: 0 });
  });

  it('is all of it when nothing new was trained, or committed', () => {
    expect(reportOf('preempted', 1000, 1000)).toMatchObject({ lostSamples: 0, lostCost: 4 });
    expect(reportOf('crashed', 3000, 0)).toMatchObject({ lostSamples: 2000, lostCost: 4, samples: 1000 });
  });
});

describe('where Kueue chose a flavor, an attempt', () => {
  const flavors = { spot: { pricePerHour: 1 }, 'on-demand': { spot: false, pricePerHour: 6 } };
  const paid = (flavor: string | undefined, pool: object = { flavors }) => {
    const { cost, onDemandCost } = reportOf('preempted', 5000, 4000, { end: flavor === undefined ? {} : { flavor }, pool });
    return [cost, onDemandCost];
  };

  it('costs what the flavor costs, and what its pool costs where the flavor says nothing', () => {
    expect(paid('spot')).toEqual([2, 12]);
    expect(paid('on-demand')).toEqual([12, 12]);
    expect(paid('spot', { flavors: { spot: {} } })).toEqual([4, 12]);
  });

  it('costs what its pool costs where that flavor has no price, or none was chosen', () => {
    for (const flavor of ['reserved', 'constructor', undefined]) expect(paid(flavor)).toEqual([4, 12]);
    expect(paid('spot', {})).toEqual([4, 12]);
  });

  it('says which', () => {
    expect(reportOf('preempted', 5000, 4000, { end: { flavor: 'spot' } })).toMatchObject({ flavor: 'spot' });
    expect(reportOf('preempted', 5000, 4000)).not.toHaveProperty('flavor');
  });
});

describe('how long an attempt trained', () => {
  const trainedSeconds = (times: Partial<Followed>): number | undefined => reportOf('preempted', 5000, 4000, { times }).trainedSeconds;

  it('counts from where the trainer says that it begins, so that starts do not count as pace', () => {
    expect(trainedSeconds({ trainingFrom: 600_000, recordedAt: HOUR_MS })).toBe(3000);
  });

  it('counts from the start of the container where it does not say', () => {
    expect(trainedSeconds({ recordedAt: HOUR_MS })).toBe(3600);
  });

  it('is no more than the time of its machine, whatever was done to a clock', () => {
    expect(trainedSeconds({ trainingFrom: 600_000, recordedAt: 900 * HOUR_MS })).toBe(7200);
    expect(trainedSeconds({ trainingFrom: 900 * HOUR_MS, recordedAt: 600_000 })).toBe(0);
  });

  it('is unknown without a record', () => {
    expect(trainedSeconds({})).toBeUndefined();
  });
});

describe('what an attempt on several machines cost', () => {
  it('is the time of each', () => {
    expect(reportOf('preempted', 5000, 4000, { nodes: 4 })).toMatchObject({ cost: 16, onDemandCost: 48, lostCost: 4 });
  });

  it('counts from when each was there to when the attempt was over, and of those that never came nothing', () => {
    const machine = (rank: number, startedAt: number | null): object => ({
      rank,
      node: null,
      exitCode: 0,
      startedAt,
      endedAt: HOUR_MS,
      message: '',
    });
    const end = { nodes: [machine(0, 0), machine(1, HOUR_MS), machine(2, null)] };
    expect(reportOf('preempted', 5000, 4000, { nodes: 3, end })).toMatchObject({ cost: 6, onDemandCost: 18 });
  });
});

it('says what was used by the last record that tells, and nothing of its own accord', () => {
  const use = { seconds: 60, cpu: 3.1, cpuPeak: 4, memoryMb: 100, memoryPeakMb: 120, waitShare: 0.2 };
  expect(reportOf('succeeded', 5000, 5000, { times: { use: { ...use, chatter: 'x'.repeat(9999) } } }).use).toEqual(use);
  expect(reportOf('succeeded', 5000, 5000)).not.toHaveProperty('use');
});

import { describe, expect, it } from 'vitest';
import type { TrialRecord } from '../../../src/contract/search.ts';
import { blankRecord } from '../../../src/rules/carried-trials.ts';
import { beginAnew, beginWithoutFork, emptyCarried, patientAgain } from '../../../src/rules/reopened-trials.ts';

const FORK = { trial: 1, output: 'file:///o/pins/trial-1-7', checkpoint: '7' };

function forked(attempts: number): TrialRecord {
  const record = blankRecord(5, { output: 'file:///o', workflowId: (trial) => `s/trial-${trial}` });
  const carried = attempts === 0 ? null : { ...emptyCarried(), attempts, lastProgress: 3, samples: 300, cost: 2 };
  Object.assign(record, { fork: FORK, forkedAfter: 4, curve: [0.2, 0.1], progress: 2, carried });
  record.halving = { bracket: 1, rungs: [[3, 5, 0.2]], expected: [0.2], held: true, allowed: 1 };
  Object.assign(record.state, { attempts, points: 2, metrics: { loss: 0.1 }, bestExport: 'file:///o/trial-5/exports/1' });
  return record;
}

describe('a fork that begins anew', () => {
  it('begins where it was forked, while that is there', () => {
    const record = forked(2);
    expect(beginAnew(record)).toBe(true);
    expect(record).toMatchObject({ fork: FORK, forkedAfter: 4, curve: [], halving: { rungs: [[3, 5, 0.2]] } });
  });

  it.each([0, 2])('begins like any other trial where that is gone, after %i attempts', (attempts) => {
    const record = forked(attempts);
    expect(beginWithoutFork(record)).toBe(true);
    expect(record.forkedAfter).toBeUndefined();
    expect(record).toMatchObject({ fork: null, halving: { bracket: 1, rungs: [], expected: [], held: false, allowed: 0 } });
    if (attempts > 0)
      expect(record).toMatchObject({ curve: [], carried: { samples: 0, cost: 2, attempts }, state: { points: 0, bestExport: null } });
  });
});

it('has patience as at first, with machines and registries too, and forgets nothing that it trained or paid', () => {
  const carried = { ...emptyCarried(), attempts: 9, samples: 80, cost: 3 };
  const tired = { crashesInRow: 3, fruitless: 9, memoryRetries: 1, withoutCapacitySince: 1, registry: { since: 1, attempts: 7 } };
  const anew = { crashesInRow: 0, fruitless: 0, memoryRetries: 0, withoutCapacitySince: null, registry: null };
  expect(patientAgain({ ...carried, ...tired })).toEqual({ ...carried, ...anew });
});

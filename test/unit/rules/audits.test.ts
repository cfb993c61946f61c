import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditedPair, FirstDifference } from '../../../src/contract/audit.ts';
import { auditName } from '../../../src/contract/ids.ts';
import { Profile } from '../../../src/contract/profile.ts';
import { auditedRun, chooseWithin, firstDifference, machineChanges, placedFor, verdictOf } from '../../../src/rules/audits.ts';
import { poolOrder } from '../../../src/rules/placement.ts';

const pairOf = (trial: number, samples: number): AuditedPair => ({
  step: 'search',
  trial,
  uri: `file:///o/trial-${trial}/audits/3`,
  checkpoint: '000000100-1',
  from: 100,
  to: 110,
  samples,
  pool: 'spot',
});

describe('the choice of windows', () => {
  it('never trains more again than the share, and leaves out nothing that fits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 60 }),
        fc.integer({ min: 0, max: 500_000 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (sizes, trained, share) => {
          const pairs = sizes.map((samples, trial) => pairOf(trial, samples));
          const { chosen, left } = chooseWithin(pairs, 'run', trained, share);
          const sum = chosen.reduce((all, { samples }) => all + samples, 0);
          expect(sum).toBeLessThanOrEqual(share * trained);
          expect(left).toBe(pairs.length - chosen.length);
          for (const pair of pairs) if (!chosen.includes(pair)) expect(sum + pair.samples).toBeGreaterThan(share * trained);
        },
      ),
    );
  });

  it('is drawn by the name of the run: the same ones each time, others of another run', () => {
    const pairs = Array.from({ length: 40 }, (_, trial) => pairOf(trial, 10));
    const of = (run: string): number[] => chooseWithin(pairs, run, 2000, 0.05).chosen.map(({ trial }) => trial);
    expect(of('a')).toEqual(of('a'));
    expect(of('a')).not.toEqual(of('b'));
    expect(of('a')).toHaveLength(10);
  });
});

describe('the first difference', () => {
  const training = (steps: Record<number, readonly string[]>, boundaries = Object.keys(steps).map((_, index) => index + 1)) => ({
    names: ['model/w', 'optimizer/m', 'random'],
    points: Object.entries(steps).map(([step, digests], index) => ({
      boundary: boundaries[index] ?? 0,
      step: Number(step),
      samples: Number(step) * 10,
      digests: [...digests],
    })),
  });

  it('names the step, and the tensors in their order', () => {
    const one = training({ 11: ['a', 'b', 'c'], 12: ['d', 'e', 'f'], 13: ['g', 'h', 'i'] });
    const other = training({ 11: ['a', 'b', 'c'], 12: ['d', 'x', 'y'], 13: ['z', 'z', 'z'] });
    expect(firstDifference(one, one, 10)).toBeNull();
    expect(firstDifference(one, other, 10)).toEqual({ step: 12, after: 11, exact: true, tensors: ['optimizer/m', 'random'] });
  });

  it('says where digests were too thin to know the step', () => {
    const one = training({ 14: ['a', 'b', 'c'], 20: ['d', 'e', 'f'] }, [4, 10]);
    const other = training({ 14: ['a', 'b', 'c'], 17: ['q', 'q', 'q'], 20: ['d', 'e', 'x'] }, [4, 7, 10]);
    expect(firstDifference(one, other, 10)).toEqual({ step: 20, after: 14, exact: false, tensors: ['random'] });
  });

  it('sees a tensor that only one of them has, whatever the order of names', () => {
    const one = training({ 11: ['a', 'b', 'c'] });
    const turned = {
      names: ['random', 'model/w', 'optimizer/m'],
      points: [{ boundary: 1, step: 11, samples: 110, digests: ['c', 'a', 'b'] }],
    };
    expect(firstDifference(one, turned, 10)).toBeNull();
    const less = { ...turned, points: [{ boundary: 1, step: 11, samples: 110, digests: ['c', 'a', null] }] };
    expect(firstDifference(one, less, 10)?.tensors).toEqual(['optimizer/m']);
  });
});

it('concludes from three trainings of a window', () => {
  const there: FirstDifference = { step: 3, after: 2, exact: true, tensors: ['w'] };
  expect(verdictOf(null, undefined, undefined)).toBe('equal');
  expect(verdictOf(there, undefined, undefined)).toBe('different');
  expect(verdictOf(there, null, there)).toBe('machine');
  expect(verdictOf(there, there, null)).toBe('once');
  expect(verdictOf(there, there, there)).toBe('unstable');
});

it('trains a window elsewhere first, or where it was at first', () => {
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: '/w' },
    storage: { kind: 'directory', path: '/s' },
    compute: { kind: 'process', path: '/c' },
    pools: ['a', 'b', 'c'].map((name) => ({ name, spot: true, pricePerHour: 1 })),
    placement: { order: ['b', 'a'] },
  });
  const names = (side: 'elsewhere' | 'there', pool: string | null): string[] => {
    const placed = placedFor(profile, side, pool);
    return poolOrder(placed.placement, placed.pools).map(({ name }) => name);
  };
  expect(names('elsewhere', 'b')).toEqual(['a', 'b']);
  expect(names('there', 'a')).toEqual(['a', 'b']);
  expect(names('elsewhere', null)).toEqual(['b', 'a']);
});

it('knows the run of an audit by the name of its trainings', () => {
  const name = auditName('nightly-20261124-030000', '0195-execution');
  expect(auditedRun(name)).toBe('nightly-20261124-030000');
  expect(auditedRun(`${name}.origin`)).toBe('nightly-20261124-030000');
  expect(auditedRun('nightly-20261124-030000')).toBeNull();
});

it('names what two machines differ in', () => {
  expect(machineChanges({ processor: 'A', threads: '2' }, { processor: 'B', threads: '2', gpu: 'H' })).toEqual([
    'processor (was A, is B)',
    'gpu (was not told, is H)',
  ]);
});

import { describe, expect, it } from 'vitest';
import type { Earlier } from '../../../src/cli/earlier-runs.ts';
import { momentOf, promised } from '../../../src/cli/promise.ts';
import type { RunDocument } from '../../../src/contract/run-document.ts';
import type { SearchSpec } from '../../../src/contract/steps.ts';
import { compileText, pipeline } from '../compile/project.ts';

/** A Tuesday. */
const NOW = new Date(2026, 11, 1, 9, 30).getTime();
const HOUR_MS = 3_600_000;

describe('--by', () => {
  it.each([
    ['friday-18:00', new Date(2026, 11, 4, 18, 0).getTime()],
    ['Fri-18:00', new Date(2026, 11, 4, 18, 0).getTime()],
    ['tuesday-08:00', new Date(2026, 11, 8, 8, 0).getTime()],
    ['tuesday-10:00', new Date(2026, 11, 1, 10, 0).getTime()],
    ['9:00', new Date(2026, 11, 2, 9, 0).getTime()],
    ['2026-12-04T18:00:00Z', Date.UTC(2026, 11, 4, 18)],
    ['2026-12-04T18:00', new Date(2026, 11, 4, 18, 0).getTime()],
    ['2026-12-04', new Date(2026, 11, 4).getTime()],
    ['2028-02-29T18:00', new Date(2028, 1, 29, 18, 0).getTime()],
    ['36h', NOW + 36 * HOUR_MS],
  ])('reads %s', (text, moment) => {
    expect(momentOf(text, NOW)).toBe(moment);
  });

  it.each(['someday', 'freitag-18:00', '25:00', '2026-11-01T10:00:00Z', '2026-99-99', '2027-02-30', '2027-02-29T18:00', '2026-12', '-3h'])(
    'refuses %s',
    (text) => {
      expect(() => momentOf(text, NOW)).toThrow(
        expect.objectContaining({ problems: [expect.objectContaining({ path: '--by' })] }) as Error,
      );
    },
  );
});

describe('what is promised of a run', () => {
  const document = (): Promise<RunDocument> =>
    compileText(
      pipeline(`search:
  kind: search
  command: [python3, train.py]
  image: trainer:1
  objective: { metric: score, direction: maximize }
  space: { rate: { type: float, low: 0, high: 1 } }
  n_trials: 10
  parallel: 2`),
    );
  const earlierOf = ({ pipeline: name, profileName }: RunDocument, hours: number, count = 5): Earlier => {
    const end = new Date(NOW - 24 * HOUR_MS).toISOString();
    const trials = Array.from({ length: count }, (_, trial) => ({
      ...{ pipeline: name, run: 'before', step: 'search', time: end, trial, ended_at: end },
      ...{ seconds: hours * 3600, cost: hours, objective_metric: 'score', objective: trial / 10 },
    }));
    const over = new Date(NOW - 23 * HOUR_MS).toISOString();
    const runs = count === 0 ? [] : [{ pipeline: name, run: 'before', profile: profileName, time: end, started_at: end, ended_at: over }];
    return { trials, comparable: trials, runs, unlike: [] };
  };
  const specIn = ({ steps }: RunDocument): SearchSpec => steps.find(({ id }) => id === 'search')?.spec as SearchSpec;

  it('is in its document, with what earlier trials used, and leaves time for what comes after the search', async () => {
    const asked = await document();
    const { document: kept, says } = promised(asked, { by: '6h', cost: 300 }, ['search'], earlierOf(asked, 1), NOW);
    const { promise } = specIn(kept);
    expect(promise).toMatchObject({
      by: new Date(NOW + 5 * HOUR_MS).toISOString(),
      cost: 300,
      samples: expect.arrayContaining([[3600, 1]]) as unknown,
    });
    expect(kept.hash).not.toBe(asked.hash);
    expect(says).toContain('search quality: 5 % ');
    expect(says).toContain('search: all 10 trials within 5h 00m');
  });

  it('begins fewer trials where not all have room', async () => {
    const asked = await document();
    const { says } = promised(asked, { cost: 4.5 }, ['search'], earlierOf(asked, 1), NOW);
    expect(says).toMatch(/search: about 4 of 10 trials for at most/);
  });

  it('is refused where not even one trial has room, and where there is no search, or several', async () => {
    const asked = await document();
    expect(() => promised(asked, { by: '90m' }, ['search'], earlierOf(asked, 1), NOW)).toThrow(
      expect.objectContaining({
        problems: [
          expect.objectContaining({
            message: expect.stringContaining('not even one trial') as string,
            found: expect.stringContaining('search end: 5 %') as string,
          }),
        ],
      }) as Error,
    );
    const search = asked.steps.find(({ id }) => id === 'search')!;
    const two = { ...asked, steps: [...asked.steps, { ...search, id: 'other' }] };
    for (const searching of [[], ['search', 'other']])
      expect(() => promised(two, { by: '6h' }, searching, earlierOf(asked, 1), NOW)).toThrow(
        expect.objectContaining({
          problems: [expect.objectContaining({ message: 'these hold the one search of a run', found: searching.join(', ') || 'none' })],
        }) as Error,
      );
  });

  it('goes by what as much training took', async () => {
    const asked = await document();
    const earlier = earlierOf(asked, 1);
    const dearer = earlier.trials.map((row) => ({ ...row, cost: 4 * Number(row.cost), seconds: 4 * Number(row.seconds) }));
    const unlike = [
      { run: 'before', step: 'search', factor: 4, onlyWhole: false, heldNone: false, had: ['2 epochs'], otherResources: false },
    ];
    const { says } = promised(asked, { cost: 18 }, ['search'], { ...earlier, comparable: dearer, unlike }, NOW);
    expect(says).toMatch(/search: about 4 of 10 trials for at most/);
    expect(says).toContain('search counted as what is trained now: of 1 run with 2 epochs 4 times');
  });

  it('holds without an earlier run too, and says that there is none', async () => {
    const asked = await document();
    const { document: kept, says } = promised(asked, { cost: 3 }, ['search'], earlierOf(asked, 1, 0), NOW);
    expect(specIn(kept).promise).toEqual({ cost: 3, samples: [] });
    expect(says).toContain('no earlier run to go by');
  });
});

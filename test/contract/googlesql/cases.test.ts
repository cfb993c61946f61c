/** Our own statements with known answers, run and compared as `npm run bench -- googlesql` does: rows, types, or an error. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countOutcomes, readCases, tablesBeside } from '../../../bench/googlesql/cases.ts';
import type { Outcome } from '../../../bench/googlesql/cases.ts';
import { runCases } from '../../../bench/googlesql/run-cases.ts';

const FOLDER = join(import.meta.dirname, '../../../bench/googlesql/cases');

interface Result {
  readonly id: string;
  readonly class: string;
  readonly sub: string;
  readonly detail: string;
  readonly sql: string;
}

describe('GoogleSQL with known answers', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longhaul-googlesql-cases-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has a name for each case', () => {
    const ids = readCases(FOLDER).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is answered as GoogleSQL answers it', async () => {
    const cases = readCases(FOLDER);
    const outcomes: Outcome[] = [];
    await runCases(cases, tablesBeside(FOLDER), join(folder, 'work'), (outcome) => outcomes.push(outcome));
    const results = join(folder, 'results');
    await countOutcomes(cases, outcomes, folder, results);
    const found = (await readFile(results, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Result);
    expect(found).toHaveLength(cases.length);
    const wrong = found.filter((each) => each.class !== 'right');
    expect(wrong.map(({ id, sql, class: kind, sub, detail }) => ({ id, sql, kind, sub, detail }))).toEqual([]);
  });
});

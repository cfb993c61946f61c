/** Our own statements with known answers, run and compared as `npm run bench -- googlesql` does: rows, types, or an error. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countOutcomes, readCases, tablesBeside } from '../../../bench/googlesql/cases.ts';
import type { Outcome } from '../../../bench/googlesql/cases.ts';
import { runCases } from '../../../bench/googlesql/run-cases.ts';

const FOLDER = join(import.meta.dirname, '../../../bench/googlesql/cases');

interface Result {
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
    for (const file of (await readdir(FOLDER)).filter((name) => name.endsWith('.jsonl')).sort()) {
      const cases = readCases(join(FOLDER, file));
      const outcomes: Outcome[] = [];
      await runCases(cases, tablesBeside(FOLDER), join(folder, file), (outcome) => outcomes.push(outcome));
      const results = join(folder, `results-${file}`);
      await countOutcomes(cases, outcomes, folder, results);
      const found = (await readFile(results, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Result);
      const wrong = found.filter((each) => each.class !== 'right').map((each) => ({ file, ...each }));
      expect(wrong.map(({ sql, class: kind, sub, detail }) => ({ file, sql, kind, sub, detail }))).toEqual([]);
    }
  });
});

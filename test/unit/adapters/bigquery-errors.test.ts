/** What BigQuery says, and what to do about it. */
import { describe, expect, it } from 'vitest';
import { adapterError, JobFailure } from '../../../src/adapters/bigquery/errors.ts';
import { SqlProblem } from '../../../src/adapters/google-sql/placeholders.ts';

const UNFILTERED =
  "Cannot query over table 'shop.sales.visits' without a filter over column(s) 'day' that can be used for partition elimination";
const failure = (): JobFailure => new JobFailure('job-1', { reason: 'invalidQuery', message: UNFILTERED });

describe('a table that requires a partition filter', () => {
  it('is told with what to add to the statement', () => {
    const sql = 'SELECT * FROM {visits}';
    const found = adapterError(failure(), { file: 'sql/a.sql', original: sql, place: () => ({ line: 1, column: 1 }) } as never);
    expect(found).toBeInstanceOf(SqlProblem);
    expect((found as SqlProblem).problem.hint).toContain("the table requires a filter over 'day': add it to WHERE");
  });

  it('is told with the step to put before one that reads whole tables', () => {
    expect(adapterError(failure())).toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('give the table of a query step') as string,
    });
  });
});

/** Tables as steps name them: without a data set they are in the profile's, and a wildcard is none. */
import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, problemsOf, stepOf } from './project.ts';

describe('the table of a step', () => {
  test('is in the data set of the profile where it names none', async () => {
    const document = await compileText(
      pipeline(
        [
          inlineQuery('q', 'SELECT * FROM {a}, {b}', 'tables: { a: orders, b: shop.orders }'),
          'parts: { kind: export, table: orders }',
          'check: { kind: check, table: orders, rules: [{ check: overlap, column: id, with: customers }] }',
        ].join('\n'),
      ),
    );
    expect(stepOf(document, 'q', 'query').spec.tables).toEqual({ a: 'longhaul.orders', b: 'shop.orders' });
    expect(stepOf(document, 'parts', 'export').spec.table).toBe('longhaul.orders');
    const { table, rules } = stepOf(document, 'check', 'check').spec;
    expect([table, rules[0]]).toEqual(['longhaul.orders', expect.objectContaining({ with: 'longhaul.customers' })]);
  });

  test.each(['shop.events_*', 'events_*'])('is refused with what to write where it is a wildcard: %s', async (table) => {
    const [problem] = await problemsOf(pipeline(inlineQuery('q', 'SELECT * FROM {t}', `tables: { t: "${table}" }`)));
    expect(problem).toMatchObject({ path: 'steps.q.tables.t', message: 'not a table' });
    expect(problem?.hint).toContain('UNION ALL');
  });
});

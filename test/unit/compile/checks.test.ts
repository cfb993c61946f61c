import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, problemsOf, stepOf } from './project.ts';

const checking = (rules: string): string =>
  pipeline(`${inlineQuery('d', 'SELECT 1 AS price')}\ncheck: { kind: check, table: "{steps.d.outputs.table}", rules: ${rules} }`);

describe('a check step', () => {
  test('has its rules with their defaults, its SQL read, and no place in the cache', async () => {
    const document = await compileText(
      checking('[{ check: nulls, column: price }, { check: sql, sql: bad.sql, onFail: warn }, { check: rows, change: 0.1 }]'),
      {},
      { 'bad.sql': 'SELECT t.price FROM {table} AS t WHERE t.price < 0' },
    );
    const step = stepOf(document, 'check', 'check');
    expect(step.cache).toBe(false);
    expect(step.dependsOn).toEqual(['d']);
    expect(step.spec.rules).toEqual([
      { check: 'nulls', column: 'price', max: 0, onFail: 'fail' },
      { check: 'sql', file: 'bad.sql', sql: 'SELECT t.price FROM {table} AS t WHERE t.price < 0', max: 0, onFail: 'warn' },
      { check: 'rows', change: 0.1, onFail: 'fail' },
    ]);
  });

  test.each([
    ['[]', 'steps.check.rules'],
    ['[{ check: nul, column: price }]', 'steps.check.rules[0].check'],
    ['[{ check: range, column: price }]', 'steps.check.rules[0]'],
    ['[{ check: nulls, column: price, max: 3 }]', 'steps.check.rules[0].max'],
    ['[{ check: overlap, column: price, with: 7 }]', 'steps.check.rules[0].with'],
    ['[{ check: sql, sql: { inline: "SELECT 1 FROM {other}" } }]', 'steps.check.rules[0].sql'],
  ])('refuses %s at %s', async (rules, path) => {
    const found = await problemsOf(checking(rules));
    expect(found.map((problem) => problem.path)).toContain(path);
  });
});

import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, stepOf } from './project.ts';

const features = (layout: string): string => `features: { layout: ${layout}, features: [{ name: price, type: numeric, default: 0 }] }`;
const FLAT = features('{ kind: flat, session: visit, item: product, label: bought }');
const NESTED = features('{ kind: nested, candidates: c, session: visit, item: product, label: bought }');

describe('the session of an export', () => {
  test.each([
    ['of a flat feature table is that of the table', FLAT, '', 'visit'],
    ['may be said otherwise', FLAT, 'session: household', 'household'],
    ['of a nested one is too, so that all warehouses make the same parts', NESTED, '', 'visit'],
    ['is nothing without a feature table', '', '', undefined],
    ['may be said of any table', '', 'session: household', 'household'],
  ])('%s', async (_, table, field, session) => {
    const document = await compileText(
      pipeline(
        `${inlineQuery('d', 'SELECT 1 AS visit', table)}\nparts: { kind: export, table: "{steps.d.outputs.table}"${field === '' ? '' : `, ${field}`} }`,
      ),
    );
    expect(stepOf(document, 'parts', 'export').spec.session).toBe(session);
  });
});

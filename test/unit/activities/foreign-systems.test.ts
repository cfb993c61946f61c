import { expect, it } from 'vitest';
import { asTransientRefusal } from '../../../activities/foreign-systems.ts';
import { AdapterError } from '../../../src/contract/errors.ts';

it('waits for a right that is gone, and for nothing else', async () => {
  const refused = (type: 'AccessDenied' | 'InvalidQuery'): Promise<unknown> =>
    asTransientRefusal(() => Promise.reject(new AdapterError(type, 'bigquery.tables.updateData denied'))).catch((error: unknown) => error);
  expect(await refused('AccessDenied')).toMatchObject({
    type: 'Unavailable',
    nonRetryable: false,
    message: 'bigquery.tables.updateData denied',
  });
  expect(await refused('InvalidQuery')).toBeInstanceOf(AdapterError);
  expect(await asTransientRefusal(() => Promise.resolve(7))).toBe(7);
});

import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startSearchHarness, type SearchHarness } from './search-harness.ts';

/** On the development server, for the tests beside it: there from the first of them on, and reset before each. */
export function sharedSearchHarness(): SearchHarness {
  const harness = {} as SearchHarness;
  beforeAll(async () => {
    Object.assign(harness, await startSearchHarness('real'));
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    harness.reset();
  });
  return harness;
}

import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

test('1,000 mutated projects each end in a valid document or in messages', async () => {
  const { compiled, refused } = await fuzz({ count: 1000, seed: 20261124 });
  // Both happen, or the mutants are too tame or too wild to find anything.
  expect(compiled).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(500);
});

import { random } from '../../test/support/random.ts';

/** The same order for the same seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const generator = random(seed);
  return items
    .map((item) => ({ item, at: generator.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

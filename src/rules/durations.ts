/**
 * Every duration of the product has its home here, with its unit in its name: `WAITS` are in durations/waits.ts, `GRACES` in durations/graces.ts.
 * A lint rule (`longhaul/durations`) keeps them out elsewhere. What a document says itself, such as `silenceSeconds`, is in its schema.
 */
import { REAL_WAITS } from './durations/waits.ts';

export { GRACES } from './durations/graces.ts';

/** More often than this nothing is looked for, however fast the time that is played. */
const SHORTEST_PACED_MS = 50;
let factor = 1;

/**
 * From now on `WAITS` are so many times shorter: in this process, and in workflow code for this workflow alone, as its modules are its own.
 *
 * @param by the run document's `factor`; absent where there is none, and of no effect where it is none
 */
export function playFaster(by = 1): void {
  factor = by >= 1 ? by : 1;
}

/** By how much `WAITS` are shorter here. */
export const factorPlayed = (): number => factor;

const paced = (value: number, shortest: number): number => (factor === 1 ? value : Math.max(value / factor, Math.min(value, shortest)));

export const WAITS: { readonly [name in keyof typeof REAL_WAITS]: number } = Object.defineProperties(
  { ...REAL_WAITS },
  Object.fromEntries(
    Object.entries(REAL_WAITS).map(([name, value]) => {
      const shortest = name.endsWith('Ms') ? SHORTEST_PACED_MS : SHORTEST_PACED_MS / 1000;
      return [name, { get: () => paced(value, shortest), enumerable: true }];
    }),
  ),
);

/** Workers that are started for a soak (docs/reliability.md): LONGHAUL_SOAK_FACTOR says how many times shorter the product's waits are. */
import { InvalidInputError } from '../src/contract/errors.ts';

const VARIABLE = 'LONGHAUL_SOAK_FACTOR';

/** @throws InvalidInputError where it is no number from 1 */
export function soakFactor(environment: NodeJS.ProcessEnv = process.env): number {
  const text = environment[VARIABLE];
  if (text === undefined || text === '') return 1;
  const factor = Number(text);
  if (factor >= 1 && Number.isFinite(factor)) return factor;
  throw new InvalidInputError([{ file: '', path: VARIABLE, message: 'is no factor', expected: 'a number from 1', found: text }]);
}

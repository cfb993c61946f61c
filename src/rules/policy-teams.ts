/** A team's workers have a policy that keeps it where it belongs: without one, its names and those of others would meet. */
import { InvalidInputError } from '../contract/errors.ts';
import type { Policy } from '../contract/policy.ts';

/** What tells teams apart outside of Temporal. */
const WALL = ['namespaces', 'buckets', 'paths', 'ledgers', 'kubeconfigs'] as const;

/** @throws InvalidInputError that names what is missing */
export function requireWall(team: string, policy: Policy | null): void {
  const missing = WALL.filter((rule) => policy?.[rule] === undefined);
  if (missing.length === 0) return;
  throw new InvalidInputError([
    {
      file: 'LONGHAUL_POLICY',
      message: `the workers of team ${team} need a policy that says what is theirs`,
      expected: `the rules ${WALL.join(', ')}`,
      found: policy === null ? 'no policy' : `none of ${missing.join(', ')}`,
    },
  ]);
}

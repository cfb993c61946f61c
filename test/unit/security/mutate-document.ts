/** Mutates a valid run document: a value replaced, a key renamed, added or removed, at one to four places. Seeded. */
import { ZodError } from 'zod';
import { Profile } from '../../../src/contract/profile.ts';
import { RunDocument } from '../../../src/contract/run-document.ts';
import { random, type Random } from '../../support/random.ts';
import { groceryDocument } from '../../support/run-document.ts';

const VALUES: readonly string[] = [
  ...[
    'null',
    'true',
    '-1',
    '0',
    '1e308',
    '[]',
    '{}',
    '""',
    '"../../etc/passwd"',
    '"a; DROP TABLE runs"',
    '"{steps}"',
    '"\\u0000"',
    '"\\ud800"',
  ],
  '{"__proto__": {"polluted": true}}',
  '{"constructor": {"prototype": {"polluted": true}}}',
  `${'['.repeat(200)}${']'.repeat(200)}`,
  JSON.stringify('x'.repeat(100_000)),
];
const KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'kind', 'path'];

interface MutationResult {
  readonly accepted: number;
  readonly refused: number;
  readonly slowestMs: number;
}

/** @throws Error when one of `count` mutants ends in anything but a document or a refusal with a place, or pollutes a prototype */
export function parseMutants({ count, seed }: { readonly count: number; readonly seed: number }): MutationResult {
  const good = JSON.stringify(groceryDocument({ pipeline: 'grocery', trials: 4, parallel: 2, moreSteps: 2 }));
  const result = { accepted: 0, refused: 0, slowestMs: 0 };
  for (let index = 0; index < count; index++) {
    const draw = random(seed * 100_003 + index);
    const mutant = JSON.parse(good) as Record<string, unknown>;
    for (let changes = draw.integer(1, 4); changes > 0; changes--) mutate(mutant, draw);
    const started = performance.now();
    const parsed = index % 2 === 0 ? RunDocument.safeParse(mutant) : Profile.safeParse(mutant.profile);
    result.slowestMs = Math.max(result.slowestMs, performance.now() - started);
    if (!parsed.success && !(parsed.error instanceof ZodError && parsed.error.issues.every(({ message }) => message !== '')))
      throw new Error(`mutant ${index} of seed ${seed}: refused without a word`, { cause: parsed.error });
    if ('polluted' in {}) throw new Error(`mutant ${index} of seed ${seed} pollutes Object.prototype`);
    result[parsed.success ? 'accepted' : 'refused'] += 1;
  }
  return result;
}

function mutate(document: Record<string, unknown>, draw: Random): void {
  let place: Record<string, unknown> = document;
  for (let depth = draw.integer(0, 6); depth > 0; depth--) {
    const inner = Object.values(place).filter((value): value is Record<string, unknown> => typeof value === 'object' && value !== null);
    if (inner.length > 0) place = draw.pick(inner);
  }
  const keys = Object.keys(place);
  const key = draw.next() < 0.2 || keys.length === 0 ? draw.pick(KEYS) : draw.pick(keys);
  if (draw.next() < 0.2) Reflect.deleteProperty(place, key);
  // As JSON.parse would make it: an own property, also of the name __proto__.
  else Object.defineProperty(place, key, { value: JSON.parse(draw.pick(VALUES)), enumerable: true, configurable: true, writable: true });
}

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConstraintError, parseConstraint } from '../../../src/rules/constraint-expression.ts';

const PYTHON = process.env.LONGHAUL_PYTHON ?? 'python3';
const SETS = [
  { a: 2, b: 3, units: [64, 32] },
  { a: -1.5, b: 0.25, units: [8] },
  { a: 0, b: 7, units: [] },
];
const EXPRESSIONS = [
  'a + b - 4',
  '-a ** 2 + b',
  '2 ** -a - b',
  'a * (b - 1) / 2 - 1e0',
  'b // 2 - a % 3',
  '-b // 2 + a',
  'sum(units) - 50',
  'len(units) - 1.5 + .5',
  'min(a, b) - max(a, b, 1)',
  'abs(a) - log(b + 1)',
  '--a - +b',
  'missing - 1',
  'a - b - 1 - 2',
  'max(units) - 40',
  '1 / a',
];

/** The sampler's own answer: true, false, or null where it refuses. */
const SCRIPT = `
import json, sys
from longhaul_sampler.constraints import Constraint
from longhaul_sampler.errors import InvalidRequest
expressions, sets = json.load(sys.stdin)
def holds(text, values):
    try:
        return Constraint(text, {"a", "b", "units", "missing"}).holds(values)
    except InvalidRequest:
        return None
print(json.dumps([[holds(text, values) for values in sets] for text in expressions]))
`;

test('constraints mean what the sampler takes them for', () => {
  const answer = execFileSync(PYTHON, ['-c', SCRIPT], {
    input: JSON.stringify([EXPRESSIONS, SETS]),
    env: { ...process.env, PYTHONPATH: join(import.meta.dirname, '../../../python') },
  });
  const own = EXPRESSIONS.map((text) => SETS.map((set) => parseConstraint(text).holds(set)));
  expect(own).toEqual(JSON.parse(answer.toString()));
  expect(own.flat()).toContain(null);
});

describe('what is no constraint says why', () => {
  test.each([
    ['', 'ends too early'],
    ['a b', '"b" does not belong there'],
    ['(a', 'expected \\)'],
    ['a $ b', 'cannot be read'],
    ['exec(a)', 'no function "exec"'],
    ['a.b', 'cannot be read|does not belong'],
    ['a <= 2', 'cannot be read'],
  ])('%s', (text, message) => {
    expect(() => parseConstraint(text)).toThrow(ConstraintError);
    expect(() => parseConstraint(text)).toThrow(new RegExp(message));
  });
});

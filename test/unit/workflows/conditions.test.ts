import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/contract/steps.ts';
import type { Json } from '../../../src/contract/values.ts';
import { ConditionError, formatCondition, holds, referencesInCondition } from '../../../src/rules/conditions.ts';

const ref = (name: string): Condition => ({ op: 'ref', ref: name });
const value = (of: string | number | boolean | null): Condition => ({ op: 'value', value: of });
const both = (op: '==' | '!=' | '<' | '<=' | '>' | '>=' | 'and' | 'or', left: Condition, right: Condition): Condition => ({
  op,
  left,
  right,
});
const values: Record<string, Json> = { 'steps.a.outputs.rows': 10, 'steps.a.status': 'succeeded' };
const lookup = (name: string): Json => values[name] ?? null;

describe('holds', () => {
  it.each([
    ['>', 5, true],
    ['>=', 10, true],
    ['<', 10, false],
    ['<=', 10, true],
    ['==', 10, true],
    ['!=', 10, false],
  ] as const)('compares 10 %s %d', (op, right, expected) => {
    expect(holds(both(op, ref('steps.a.outputs.rows'), value(right)), lookup)).toBe(expected);
  });

  it('joins conditions without evaluating what does not count', () => {
    const impossible = both('<', value('a'), value(1));
    expect(holds(both('and', value(false), impossible), lookup)).toBe(false);
    expect(holds(both('or', value(true), impossible), lookup)).toBe(true);
    expect(holds({ op: 'not', operand: ref('steps.a.status') }, lookup)).toBe(false);
  });

  it('finds no value smaller or larger than a missing one', () => {
    expect(holds(both('<', ref('steps.b.outputs.x'), value(1)), lookup)).toBe(false);
    expect(holds(both('>=', ref('steps.b.outputs.x'), value(1)), lookup)).toBe(false);
    expect(holds(both('==', ref('steps.b.outputs.x'), value(null)), lookup)).toBe(true);
  });

  it('refuses to order a text and a number', () => {
    expect(() => holds(both('<', ref('steps.a.status'), value(3)), lookup)).toThrow(ConditionError);
  });
});

it('lists references once and writes the condition as a person would', () => {
  const condition = both('and', both('>', ref('steps.a.outputs.rows'), value(3)), {
    op: 'not',
    operand: both('==', ref('steps.a.outputs.rows'), ref('steps.b.outputs.rows')),
  });
  expect(referencesInCondition(condition)).toEqual(['steps.a.outputs.rows', 'steps.b.outputs.rows']);
  expect(formatCondition(condition)).toBe('(steps.a.outputs.rows > 3 and not (steps.a.outputs.rows == steps.b.outputs.rows))');
});

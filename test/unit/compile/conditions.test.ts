import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Condition } from '../../../src/contract/steps.ts';
import { parseCondition, type Expression } from '../../../src/compile/condition-text.ts';
import { formatCondition, holds } from '../../../src/rules/conditions.ts';
import { compileText, pipeline, stepOf } from './project.ts';

const whenOf = async (when: string, rest = ''): Promise<Condition | undefined> => {
  const steps = `b: { kind: approval, message: x }\na: { kind: approval, message: x, when: ${JSON.stringify(when)} }`;
  return stepOf(await compileText(pipeline(steps, rest)), 'a', 'approval').when;
};

/** The same tree as the workflow's. */
function toCondition(expression: Expression): Condition {
  switch (expression.kind) {
    case 'value':
      return { op: 'value', value: expression.value };
    case 'name':
      return { op: 'ref', ref: expression.name };
    case 'not':
      return { op: 'not', operand: toCondition(expression.operand) };
    case 'binary':
      return { op: expression.op, left: toCondition(expression.left), right: toCondition(expression.right) };
  }
}

describe('when', () => {
  test('not binds tighter than and, and tighter than or', async () => {
    expect(formatCondition((await whenOf("not steps.b.outputs.approved and true or steps.b.status == 'failed'"))!)).toBe(
      '((not (steps.b.outputs.approved) and true) or steps.b.status == "failed")',
    );
  });

  test('a comparison binds tighter than not', async () => {
    expect(await whenOf('not 1 == 2')).toEqual({
      op: 'not',
      operand: { op: '==', left: { op: 'value', value: 1 }, right: { op: 'value', value: 2 } },
    });
  });

  test('params are constants in it, with or without braces', async () => {
    expect(await whenOf('{params.n} < 4 and params.n >= -0.5', 'params: { n: 3 }')).toMatchObject({
      op: 'and',
      left: { left: { op: 'value', value: 3 } },
      right: { right: { op: 'value', value: -0.5 } },
    });
  });

  test('what it asks for comes first', async () => {
    const document = await compileText(
      pipeline(
        'a: { kind: approval, message: x, when: "steps.c.status != \'skipped\' and steps.b.outputs.approved" }\nb: { kind: approval, message: x }\nc: { kind: approval, message: x }',
      ),
    );
    expect(document.steps.map((step) => step.id)).toEqual(['c', 'b', 'a']);
    expect(stepOf(document, 'a', 'approval').dependsOn).toEqual(['c', 'b']);
  });

  test('true is no condition, and false is one', async () => {
    expect(await whenOf('true')).toBeUndefined();
    expect(await whenOf('false')).toEqual({ op: 'value', value: false });
  });

  test('onExit steps may ask how the run ended', async () => {
    const document = await compileText(
      `${pipeline('a: { kind: approval, message: x }')}onExit:\n  tell: { kind: approval, message: x, when: "run.status == 'failed'" }\n`,
    );
    expect(document.onExit[0]?.when).toMatchObject({ op: '==', left: { op: 'ref', ref: 'run.status' } });
  });

  test('a user of a component hands its condition on', async () => {
    const document = await compileText(
      pipeline('b: { kind: approval, message: x }\na: { uses: c.yaml, when: steps.b.outputs.approved, cache: false, timeout: 2h }'),
      {},
      { 'c.yaml': "steps: { s: { kind: export, table: a.b, when: '1 < 2' } }" },
    );
    expect(stepOf(document, 'a.s', 'export')).toMatchObject({
      dependsOn: ['b'],
      cache: false,
      timeoutSeconds: 7200,
      when: { op: 'and', left: { ref: 'steps.b.outputs.approved' } },
    });
  });

  test('what is written out is read as the same condition', () => {
    const value = fc.oneof(
      fc.constantFrom<Condition>({ op: 'ref', ref: 'steps.a-b.x.outputs.y_1' }, { op: 'ref', ref: 'run.status' }),
      fc
        .oneof(
          fc.boolean(),
          fc.constant(null),
          fc.integer(),
          fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
          fc.string({ unit: fc.constantFrom(...Array.from('ab \'"(){}=')) }),
        )
        .map((plain): Condition => ({ op: 'value', value: plain })),
    );
    const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        value,
        fc.record({ op: fc.constant('not' as const), operand: tie('condition') }),
        fc.record({ op: fc.constantFrom('and' as const, 'or' as const), left: tie('condition'), right: tie('condition') }),
        fc.record({ op: fc.constantFrom('==' as const, '<=' as const, '>' as const), left: value, right: value }),
      ),
    }));
    fc.assert(
      fc.property(condition, (wanted) => {
        expect(toCondition(parseCondition(formatCondition(wanted)))).toEqual(wanted);
      }),
    );
  });

  test('it means what JavaScript would mean by it', () => {
    const term = fc.constantFrom('true', 'false', '1 < 2', '2 <= 1', '"a" == "a"', '"a" != "a"');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('and', 'or'), fc.boolean(), term), { minLength: 1, maxLength: 6 }), (parts) => {
        const write = (and: string, or: string, not: string): string =>
          parts.map(([op, negated, text], i) => `${i === 0 ? '' : op === 'and' ? and : or}${negated ? not : ''}(${text})`).join(' ');
        const expected: unknown = runInNewContext(write('&& ', '|| ', '!'));
        expect(holds(toCondition(parseCondition(write('and ', 'or ', 'not '))), () => null)).toBe(expected);
      }),
    );
  });
});

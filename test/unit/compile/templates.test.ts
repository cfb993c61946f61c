import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate } from '../../../src/compile/template.ts';
import { compileText, inlineQuery, pipeline, stepOf } from './project.ts';

const message = async (text: string, rest = ''): Promise<unknown> => {
  const document = await compileText(
    pipeline(`a: { kind: approval, message: ${JSON.stringify(text)} }\nb: { kind: approval, message: x }`, rest),
  );
  return stepOf(document, 'a', 'approval').spec.message;
};

describe('templates', () => {
  test('names stand for values', async () => {
    expect(await message('{pipeline} {step} {params.weeks}', 'params: { weeks: 4 }')).toBe('test a 4');
  });

  test('{run}, {key} and outputs stay for the workflow', async () => {
    expect(await message('{run} {key} {steps.b.outputs.by}')).toBe('{run} {key} {steps.b.outputs.by}');
  });

  test('spaces around a name change nothing', async () => {
    expect(await message('{ params.weeks }', 'params: { weeks: "four" }')).toBe('four');
  });

  test.each([
    ['{{weeks}} is {weeks}', '{weeks} is 4', 'a doubled brace is a brace'],
    ['{"weeks": {"a": 1}}', '{"weeks": {"a": 1}}', 'JSON is no template'],
    ['${HOME} and {}', '${HOME} and {}', "the shell's variables are its own"],
  ])('%s gives %s: %s', async (text, expected) => {
    const document = await compileText(pipeline(`a: { kind: approval, message: ${JSON.stringify(text)}, forEach: { weeks: [4] } }`));
    expect(stepOf(document, 'a.4', 'approval').spec.message).toBe(expected);
  });

  test('a text that is exactly one reference takes the value with its type', async () => {
    const document = await compileText(
      pipeline(
        'run: { kind: container, image: i, command: [ls], inputs: { n: "{params.n}", l: "{params.l}", t: "n is {params.n}" } }',
        'params: { n: 3, l: [1, a] }',
      ),
    );
    expect(stepOf(document, 'run', 'container').spec.inputs).toEqual({ n: 3, l: [1, 'a'], t: 'n is 3' });
  });

  test('a list takes all instances of a step', async () => {
    const document = await compileText(
      pipeline(
        `${inlineQuery('d', 'SELECT 1', 'forEach: { s: [x, y] }')}\nrun: { kind: container, image: i, command: [ls], inputs: { l: ["{steps.d.outputs.table}", last] } }`,
      ),
    );
    expect(stepOf(document, 'run', 'container').spec.inputs).toEqual({
      l: ['{steps.d.x.outputs.table}', '{steps.d.y.outputs.table}', 'last'],
    });
  });

  test('SQL is no template, and a path in a value is relative to the file that it is written in', async () => {
    const document = await compileText(
      pipeline('a: { uses: parts/c.yaml, with: { sql: q.sql } }'),
      {},
      {
        'parts/c.yaml': 'inputs: { sql: { type: string } }\nstep: { kind: query, sql: "{inputs.sql}", tables: { x: a.b } }',
        'q.sql': 'SELECT * FROM {x}',
      },
    );
    expect(stepOf(document, 'a', 'query').spec).toMatchObject({ sql: 'SELECT * FROM {x}', sqlFile: 'q.sql' });
  });

  test('in the name of a table a step is an identifier', async () => {
    const document = await compileText(pipeline(inlineQuery('data-set', 'SELECT 1', 'forEach: { s: [a-b] }\ndestination: "{step}_{key}"')));
    expect(stepOf(document, 'data-set.a-b', 'query').spec.destination).toBe('longhaul.data_set_a_b_{key}');
  });

  test('the tokens of a text, put together, are the text', () => {
    const part = fc.oneof(
      fc.constantFrom('{a}', '{a.b}', '{{a}}', '{', '}', '${A}', '{"a": 1}', '{steps.a.{b}.outputs.c}', ' { x } '),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = parts.join('');
        const tokens = parseTemplate(text);
        for (const token of tokens) if (token.kind === 'reference') expect(text.slice(token.offset)).toMatch(/^\{\s*[A-Za-z_]/);
        const again = tokens.map((token) => (token.kind === 'text' ? token.text : `{${token.name}}`)).join('');
        expect(again).toBe(text.replaceAll(/\{\{([^{}]*)\}\}/g, '{$1}').replaceAll(/\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}/g, '{$1}'));
      }),
    );
  });
});

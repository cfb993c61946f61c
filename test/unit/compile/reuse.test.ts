import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, project, stepOf } from './project.ts';

const BASE = pipeline(
  [
    inlineQuery('d', 'SELECT @w AS w', 'with: { w: "{params.weeks}" }'),
    'parts: { kind: export, table: "{steps.d.outputs.table}", rowsPerPart: 10, orderBy: [w] }',
    'ask: { kind: approval, message: ok }',
  ].join('\n'),
  'params: { weeks: 4 }\ndescription: base',
);

describe('extends', () => {
  test('maps are merged, anything else replaces, null removes', async () => {
    await using made = await project({
      'base/pipeline.yaml': BASE,
      'pipeline.yaml':
        'extends: base/pipeline.yaml\nname: other\nparams: { weeks: 8 }\nsteps:\n  ask: null\n  parts: { orderBy: [], partSizeMb: 1 }\n',
    });
    const document = await made.compile();
    expect(document).toMatchObject({ pipeline: 'other', description: 'base', params: { weeks: 8 } });
    expect(document.steps.map((step) => step.id)).toEqual(['d', 'parts']);
    expect(stepOf(document, 'parts', 'export').spec).toMatchObject({ rowsPerPart: 10, partSizeMb: 1, orderBy: [] });
  });

  test('a step of another kind replaces the whole step', async () => {
    await using made = await project({
      'base.yaml': BASE,
      'pipeline.yaml': 'extends: base.yaml\nsteps: { parts: { kind: approval, message: x } }',
    });
    expect(stepOf(await made.compile(), 'parts', 'approval').spec.message).toBe('x');
  });

  test('bases have bases', async () => {
    await using made = await project({
      'a.yaml': BASE,
      'b.yaml': 'extends: a.yaml\nparams: { weeks: 5 }',
      'pipeline.yaml': 'extends: b.yaml\ndescription: c',
    });
    expect(await made.compile()).toMatchObject({ description: 'c', params: { weeks: 5 } });
  });
});

describe('--set', () => {
  test('params take values of their types', async () => {
    const text = pipeline('a: { kind: approval, message: x }', 'params: { n: 1, f: { type: float, default: 1 }, b: true, s: a, l: [1] }');
    const document = await compileText(text, { set: ['params.n=8', 'params.f=2', 'params.b=false', 'params.s=1.0', 'params.l=[2, 3]'] });
    expect(document.params).toEqual({ n: 8, f: 2, b: false, s: '1.0', l: [2, 3] });
  });

  test('fields of steps are set, sections that are not there as well', async () => {
    const document = await compileText(BASE, { set: ['steps.parts.rowsPerPart=99', 'steps.parts.retry.attempts=5', 'budget.cost=7.5'] });
    expect(stepOf(document, 'parts', 'export')).toMatchObject({ retry: { attempts: 5 }, spec: { rowsPerPart: 99 } });
    expect(document.budget).toEqual({ cost: 7.5 });
  });

  test('the last one wins', async () => {
    expect(await compileText(BASE, { set: ['params.weeks=1', 'params.weeks=2'] })).toMatchObject({ params: { weeks: 2 } });
  });
});

describe('components', () => {
  const COMPONENT =
    'inputs: { table: { type: table }, rows: 5 }\nsteps:\n  write: { kind: export, table: "{inputs.table}", rowsPerPart: "{inputs.rows}" }\n  ask: { kind: approval, message: "{steps.write.outputs.rows}" }\noutputs: { uri: "{steps.write.outputs.uri}" }';

  test('are used by several steps, each with its own inputs', async () => {
    const document = await compileText(
      pipeline(
        'a: { uses: c.yaml, with: { table: x.y } }\nb: { uses: c.yaml, with: { table: x.z, rows: 9 } }\nask: { kind: approval, message: "{steps.a.outputs.uri} {steps.b.outputs.uri}" }',
      ),
      {},
      { 'c.yaml': COMPONENT },
    );
    expect(document.steps.map((step) => step.id)).toEqual(['a.write', 'a.ask', 'b.write', 'b.ask', 'ask']);
    expect(stepOf(document, 'b.write', 'export').spec).toMatchObject({ table: 'x.z', rowsPerPart: 9 });
    expect(stepOf(document, 'ask', 'approval').spec.message).toBe('{steps.a.write.outputs.uri} {steps.b.write.outputs.uri}');
  });

  test('of one step take the place of the step, with its outputs', async () => {
    const document = await compileText(
      pipeline('parts: { uses: c.yaml, with: { table: x.y } }\nask: { kind: approval, message: "{steps.parts.outputs.rows}" }'),
      {},
      { 'c.yaml': 'inputs: { table: { type: table } }\nstep: { kind: export, table: "{inputs.table}" }' },
    );
    expect(document.steps.map((step) => step.id)).toEqual(['parts', 'ask']);
    expect(stepOf(document, 'ask', 'approval').spec.message).toBe('{steps.parts.outputs.rows}');
  });

  test('use components, and their files are relative to them', async () => {
    const document = await compileText(
      pipeline('a: { uses: lib/outer.yaml }'),
      {},
      {
        'lib/outer.yaml':
          'steps: { q: { kind: query, sql: q.sql }, in: { uses: inner/c.yaml, with: { table: "{steps.q.outputs.table}" } } }',
        'lib/q.sql': 'SELECT 1',
        'lib/inner/c.yaml': COMPONENT,
      },
    );
    expect(document.steps.map((step) => step.id)).toEqual(['a.q', 'a.in.write', 'a.in.ask']);
    expect(stepOf(document, 'a.in.write', 'export').spec.table).toBe('{steps.a.q.outputs.table}');
    expect(stepOf(document, 'a.q', 'query').spec.sqlFile).toBe('lib/q.sql');
  });

  test('after a component is after all of its steps', async () => {
    const document = await compileText(
      pipeline('a: { uses: c.yaml, with: { table: x.y } }\nb: { kind: approval, message: x, after: a }'),
      {},
      { 'c.yaml': COMPONENT },
    );
    expect(stepOf(document, 'b', 'approval').dependsOn).toEqual(['a.write', 'a.ask']);
  });
});

describe('TypeScript', () => {
  const MODULE = (body: string): string => `const splits: readonly string[] = ['train', 'test'];\nexport const pipeline = ${body};\n`;

  test('a file that exports `pipeline` is a pipeline', async () => {
    await using made = await project({
      'pipeline.ts': MODULE(
        "{ version: 1, name: 'typed', steps: Object.fromEntries(splits.map((split) => [split, { kind: 'query', sql: { inline: `SELECT '${split}'` } }])) }",
      ),
    });
    const document = await made.compile({}, 'pipeline.ts');
    expect(document.steps.map((step) => step.id)).toEqual(['train', 'test']);
  });

  test.each([
    ['another export', 'export const pipline = {};', 'the file exports no "pipeline"'],
    ['a syntax error', 'export const pipeline = {', 'the file cannot be loaded'],
    [
      'a function',
      MODULE("{ version: 1, name: 'x', steps: () => 1 }"),
      'only texts, numbers, switches, lists and plain objects can stand in a pipeline',
    ],
    [
      'a date',
      MODULE("{ version: 1, name: 'x', steps: { a: new Date() } }"),
      'only texts, numbers, switches, lists and plain objects can stand in a pipeline',
    ],
    ['a wrong field', MODULE("{ version: 1, name: 'x', steps: { a: { kind: 'approval', mesage: 'x' } } }"), 'unknown field'],
  ])('%s is a message', async (_what, text, message) => {
    await using made = await project({ 'pipeline.ts': text });
    const problems = await made.problems({}, 'pipeline.ts');
    expect(problems.some((problem) => problem.file === 'pipeline.ts' && problem.message.startsWith(message))).toBe(true);
  });
});

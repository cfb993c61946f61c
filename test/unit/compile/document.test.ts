import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orderSteps } from '../../../src/compile/order.ts';
import { nearestName } from '../../../src/compile/suggest.ts';
import { compileText, inlineQuery, pipeline, problemsOf, project, stepOf } from './project.ts';

const SIMPLE = pipeline(inlineQuery('d', 'SELECT 1 AS n'));

describe('the run document', () => {
  test('has the same hash wherever its steps are written, and another when they do something else', async () => {
    await using made = await project({ 'pipeline.yaml': SIMPLE });
    const plain = await made.compile();
    expect(plain.hash).toMatch(/^[0-9a-f]{64}$/);
    await writeFile(join(made.folder, 'pipeline.yaml'), `# two lines more\n\n${SIMPLE}`);
    const moved = await made.compile();
    expect(moved.steps[0]?.source).toEqual({ file: 'pipeline.yaml', line: 7 });
    expect(moved.hash).toBe(plain.hash);
    await writeFile(join(made.folder, 'pipeline.yaml'), SIMPLE.replace('SELECT 1', 'SELECT 2'));
    expect((await made.compile()).hash).not.toBe(plain.hash);
  });

  test('knows the commit, and whether something was changed since', async () => {
    await using made = await project({ 'pipeline.yaml': SIMPLE });
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', made.folder, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { encoding: 'utf8' }).trim();
    expect((await made.compile()).source).toEqual({ file: 'pipeline.yaml', commit: null, dirty: false });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'x');
    expect((await made.compile()).source).toEqual({ file: 'pipeline.yaml', commit: git('rev-parse', 'HEAD'), dirty: false });
    await writeFile(join(made.folder, 'more.txt'), '');
    expect((await made.compile()).source.dirty).toBe(true);
  });

  test('names tables and prefixes by what is in them', async () => {
    const document = await compileText(
      pipeline(`${inlineQuery('data', 'SELECT 1', 'forEach: { s: [a] }')}\nparts: { kind: export, table: "{steps.data.a.outputs.table}" }`),
    );
    expect(stepOf(document, 'data.a', 'query').spec.destination).toBe('longhaul.test_data_a_{key}');
    expect(stepOf(document, 'parts', 'export').spec.destination).toMatch(/^file:\/\/\/.*\/\.longhaul\/store\/test\/parts\/\{key\}$/);
  });

  test('has query parameters with GoogleSQL types', async () => {
    const document = await compileText(
      pipeline(
        `${inlineQuery('a')}\n${inlineQuery('d', 'SELECT 1', 'with: { i: 1, f: 1.0, g: "{params.f}", s: x, b: true, l: [1, 2.5], t: [a], n: "{steps.a.outputs.rows}", v: "{steps.a.outputs.version}", k: "at {steps.a.outputs.rows}", d: { type: DATE, value: 2024-02-29 } }')}`,
        'params: { f: { type: float, default: 3 } }',
      ),
    );
    const { parameters } = stepOf(document, 'd', 'query').spec;
    expect(Object.fromEntries(Object.entries(parameters).map(([name, { type }]) => [name, type]))).toEqual({
      i: 'INT64',
      f: 'FLOAT64',
      g: 'FLOAT64',
      s: 'STRING',
      b: 'BOOL',
      l: 'ARRAY<FLOAT64>',
      t: 'ARRAY<STRING>',
      n: 'INT64',
      v: 'STRING',
      k: 'STRING',
      d: 'DATE',
    });
    expect(parameters.n?.value).toBe('{steps.a.outputs.rows}');
  });

  test('has the source of scripts, durations in seconds, and retries', async () => {
    const document = await compileText(
      pipeline('s: { kind: script, file: s.sh, timeout: 1.5h, retry: { backoff: 30s } }\na: { kind: approval, message: x, timeout: 2d }'),
      {},
      { 's.sh': 'echo {not a template}\n' },
    );
    expect(stepOf(document, 's', 'script')).toMatchObject({
      timeoutSeconds: 5400,
      retry: { attempts: 3, backoffSeconds: 30 },
      spec: { language: 'shell', source: 'echo {not a template}\n' },
    });
    const ask = stepOf(document, 'a', 'approval');
    expect(ask.spec.timeoutSeconds).toBe(172_800);
    expect(ask.timeoutSeconds).toBeUndefined();
  });

  test('is refused when it would not pass through Temporal', async () => {
    const problems = await problemsOf(
      pipeline('d: { kind: query, sql: q.sql, forEach: { i: [1, 2, 3] } }'),
      {},
      { 'q.sql': `SELECT 1 -- ${'x'.repeat(700_000)}` },
    );
    expect(problems).toMatchObject([{ message: 'the run document is too large' }]);
  });

  test('files may be links inside of the project, and not out of it', async () => {
    await using made = await project({
      'inside/pipeline.yaml': pipeline('d: { kind: query, sql: q.sql }'),
      'inside/real.sql': 'SELECT 1',
      'outside.sql': 'SELECT 1',
    });
    const cwd = join(made.folder, 'inside');
    await symlink('real.sql', join(cwd, 'q.sql'));
    expect((await made.compile({ cwd })).steps).toHaveLength(1);
    await mkdir(join(made.folder, 'other'));
    await writeFile(join(cwd, 'linked.yaml'), pipeline('d: { kind: query, sql: out.sql }'));
    await symlink('../outside.sql', join(cwd, 'out.sql'));
    expect(await made.problems({ cwd }, 'linked.yaml')).toMatchObject([{ message: 'the file lies outside of the project' }]);
  });
});

describe('SQL checks', () => {
  test('each text is checked once, and what is wrong has its place in the file', async () => {
    const checked: string[] = [];
    const checkSql = async (sql: string, name: string) => {
      checked.push(name);
      return sql.includes('BAD') ? [{ file: name, line: 2, column: 3, message: 'cannot be translated' }] : [];
    };
    const text = pipeline(
      `d: { kind: query, sql: q.sql, forEach: { i: [1, 2] } }\n${inlineQuery('e', 'SELECT 1')}\nf:\n  kind: query\n  sql:\n    inline: |\n      SELECT\n        BAD`,
    );
    const problems = await problemsOf(text, { checkSql }, { 'q.sql': 'SELECT\n  BAD' });
    expect(checked.sort()).toEqual(['pipeline.yaml', 'pipeline.yaml', 'q.sql']);
    const told = new Map(problems.map((problem) => [problem.file, problem]));
    expect(told.get('q.sql')).toEqual({ file: 'q.sql', line: 2, column: 3, path: 'steps.d.sql', message: 'cannot be translated' });
    expect(told.get('pipeline.yaml')).toMatchObject({ line: 15, path: 'steps.f.sql', message: 'cannot be translated' });
    expect(problems).toHaveLength(2);
  });

  const profile =
    'warehouse: { kind: bigquery, project: p }\nstorage: { kind: gcs, bucket: bucket, prefix: /x/ }\ncompute: { kind: kubernetes, image: i }';

  test('decimal parameters are refused where the embedded warehouse would compute them otherwise, and only there', async () => {
    const text = pipeline(inlineQuery('q', 'SELECT @p AS p', 'with: { p: { type: "STRUCT<a DECIMAL>", value: { a: "1.1" } } }'));
    const checkSql = () => Promise.resolve([]);
    expect(await problemsOf(text, { checkSql })).toMatchObject([
      { path: 'steps.q.with.p', message: 'the embedded warehouse does not compute decimals as BigQuery does', found: 'STRUCT<a DECIMAL>' },
    ]);
    expect((await compileText(text, { profile: 'gcp', checkSql }, { 'profiles/gcp.yaml': profile })).steps).toHaveLength(1);
  });

  test('only the embedded warehouse needs a translation', async () => {
    const checkSql = () => Promise.reject(new Error('not to be called'));
    const document = await compileText(
      `${SIMPLE}  parts: { kind: export, table: "{steps.d.outputs.table}" }`,
      { profile: 'gcp', checkSql },
      { 'profiles/gcp.yaml': profile },
    );
    expect(stepOf(document, 'parts', 'export').spec.destination).toBe('gs://bucket/x/test/parts/{key}');
  });
});

test('steps come after what they depend on, and circles are found', () => {
  const graph = fc.array(fc.array(fc.nat({ max: 11 }), { maxLength: 3 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(graph, (edges) => {
      const dependencies = new Map(edges.map((targets, i) => [`s${i}`, targets.filter((t) => t < edges.length).map((t) => `s${t}`)]));
      const { order, cycle } = orderSteps(dependencies);
      expect([...order].sort()).toEqual([...dependencies.keys()].sort());
      if (cycle) {
        expect(cycle.at(0)).toBe(cycle.at(-1));
        for (const [i, id] of cycle.slice(0, -1).entries()) expect(dependencies.get(id)).toContain(cycle[i + 1]);
      } else
        for (const [id, wanted] of dependencies) for (const each of wanted) expect(order.indexOf(each)).toBeLessThan(order.indexOf(id));
    }),
  );
});

test('a typo is not far from what was meant', () => {
  const names = ['dataset', 'parts', 'search', 'evaluate'];
  const typo = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.constantFrom('', 'x')).map(([name, at, put]) => {
    const i = at % name.length;
    return { name, written: name.slice(0, i) + put + name.slice(i + 1) };
  });
  fc.assert(fc.property(typo, ({ name, written }) => nearestName(written, names) === name));
});

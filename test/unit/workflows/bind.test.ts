import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QuerySpec, ScriptSpec } from '../../../src/contract/steps.ts';
import { bindSpec, referencesOf, UnboundReferenceError } from '../../../src/rules/bind.ts';

const querySpec = (fields: Partial<QuerySpec>): QuerySpec => ({
  kind: 'query',
  sql: 'SELECT 1',
  sqlFile: 'a.sql',
  parameters: {},
  tables: {},
  sources: {},
  destination: 'd.t',
  clustering: [],
  statistics: false,
  ...fields,
});
const scriptSpec = (fields: Partial<ScriptSpec>): ScriptSpec => ({
  kind: 'script',
  language: 'python',
  file: 'a.py',
  source: '',
  requirements: [],
  inputs: {},
  outputs: {},
  output: 'file:///o',
  resources: { cpu: 1, memoryMb: 1, gpu: 0 },
  ...fields,
});
const outputs = (values: Record<string, string | number | null | { a: number }>) => ({
  run: 'r1',
  output: ({ step, output }: { step: string; output: string }) => values[`${step}/${output}`],
});

describe('bindSpec', () => {
  it('gives a text that is one reference the value with its type', () => {
    const spec = scriptSpec({ inputs: { rows: '{steps.a.outputs.rows}', all: { a: ['{steps.a.outputs.all}'] } } });
    expect(bindSpec(spec, outputs({ 'a/rows': 3, 'a/all': { a: 1 } })).inputs).toEqual({ rows: 3, all: { a: [{ a: 1 }] } });
  });

  it('puts values into the middle of texts', () => {
    const bound = bindSpec(
      querySpec({ destination: 'd.{run}_{steps.prepare.dataset.train.outputs.rows}_{key}' }),
      outputs({ 'prepare.dataset.train/rows': 7 }),
    );
    expect(bound.destination).toBe('d.r1_7_{key}');
    expect(bindSpec(bound, { ...outputs({}), key: 'abc' }).destination).toBe('d.r1_7_abc');
  });

  it('leaves programs alone', () => {
    const source = 'print(f"{key} {run} {steps.a.outputs.b}")';
    expect(bindSpec(scriptSpec({ source }), outputs({})).source).toBe(source);
    expect(bindSpec(querySpec({ sql: 'SELECT * FROM {run}' }), outputs({})).sql).toBe('SELECT * FROM {run}');
    expect(referencesOf(scriptSpec({ source }))).toEqual([]);
  });

  it('binds an input that is named like a field of the specification', () => {
    expect(bindSpec(scriptSpec({ inputs: { source: '{run}', sql: '{run}' } }), outputs({})).inputs).toEqual({ source: 'r1', sql: 'r1' });
  });

  it('names the reference that has no value', () => {
    expect(() => bindSpec(querySpec({ tables: { a: '{steps.x.outputs.table}' } }), outputs({}))).toThrow(UnboundReferenceError);
    expect(() => bindSpec(querySpec({ tables: { a: '{steps.x.outputs.table}' } }), outputs({}))).toThrow(/step x has no output table/);
  });

  it('keeps every text without a reference as it is, braces and all', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/\{(run|key|steps\.)/.test(text));
        expect(bindSpec(scriptSpec({ inputs: { text } }), outputs({})).inputs.text).toBe(text);
      }),
    );
  });

  it('never expands what it has put in', () => {
    fc.assert(
      fc.property(fc.constantFrom('{run}', '{key}', '{steps.b.outputs.c}', '$&', '$1'), (value) => {
        const bound = bindSpec(scriptSpec({ inputs: { text: 'x {steps.a.outputs.v} y' } }), { ...outputs({ 'a/v': value }), key: 'k' });
        expect(bound.inputs.text).toBe(`x ${value} y`);
      }),
    );
  });
});

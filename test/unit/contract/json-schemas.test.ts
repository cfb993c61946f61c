import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { jsonSchemas } from '../../../src/contract/json-schemas.ts';

const FOLDER = new URL('../../../src/contract/schemas/', import.meta.url);
const read = new Map(Object.entries(jsonSchemas()).map(([name, made]) => [name, z.fromJSONSchema(made)]));
const schema = (name: string): z.ZodType => read.get(name)!;
const template = (file: string): unknown => parse(readFileSync(new URL(`../../../src/cli/template/${file}`, import.meta.url), 'utf8'));

describe('the published JSON Schemas', () => {
  test.each(Object.entries(jsonSchemas()))('%s is as the contract says (npm run schemas)', (name, made) => {
    expect(JSON.parse(readFileSync(new URL(`${name}.schema.json`, FOLDER), 'utf8'))).toEqual(JSON.parse(JSON.stringify(made)));
  });

  test('accept the files that longhaul init writes', () => {
    expect(schema('pipeline').safeParse(template('pipeline.yaml'))).toMatchObject({ success: true });
    expect(schema('component').safeParse(template('components/parts.yaml'))).toMatchObject({ success: true });
    expect(schema('profile').safeParse(template('profiles/gcp.yaml'))).toMatchObject({ success: true });
  });

  const search = (fields: object): object => ({
    version: 1,
    name: 'x',
    steps: {
      search: {
        kind: 'search',
        data: '{steps.parts.outputs.uri}',
        features: '{steps.d.outputs.features}',
        objective: { metric: 'm', direction: 'maximize' },
        space: { lr: { type: 'float', low: 0, high: 1 } },
        n_trials: 2,
        ...fields,
      },
    },
  });

  test.each([
    ['a number', { n_trials: '{params.trials}' }],
    ['a choice', { objective: { metric: 'm', direction: '{params.direction}' } }],
    ['a duration', { timeout: '{params.timeout}' }],
    ['a list', { alsoOptimize: '{params.more}' }],
    ['an item of a list', { sampler: { enqueue: ['{params.first}'] } }],
    ['a bound of the space', { space: { lr: { type: 'float', low: '{params.low}', high: 1 } } }],
  ])('accept a reference in the place of %s', (_what, fields) => {
    expect(schema('pipeline').safeParse(search(fields))).toMatchObject({ success: true });
  });

  test.each([
    ['a number', { n_trials: 'many' }],
    ['a choice', { objective: { metric: 'm', direction: 'best' } }],
    ['a duration', { timeout: '3 weeks' }],
    ['a field', { trails: 2 }],
  ])('refuse another text in the place of %s', (_what, fields) => {
    expect(schema('pipeline').safeParse(search(fields))).toMatchObject({ success: false });
  });
});

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ComponentFile, PipelineFile, STEP_FILES } from '../../../src/contract/pipeline.ts';
import { ProfileInFile } from '../../../src/contract/written.ts';
import { project } from './project.ts';

const read = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '');
const mentions = (text: string, field: string): boolean => new RegExp(`\\b${field}\\b`).test(text);

/** Fields that a person may write, at any depth of objects and unions. */
function fieldsOf(schema: z.core.$ZodType | undefined): string[] {
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([name, inner]) => [name, ...fieldsOf(inner as z.core.$ZodType)]);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => fieldsOf(option));
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element);
  const wrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return wrapped ? fieldsOf(schema.unwrap()) : [];
}

describe('docs/pipeline.md', () => {
  const text = read('pipeline.md');

  test.each(Object.entries(STEP_FILES))('names every field of %s', (_kind, schema) => {
    expect(Object.keys(schema.shape).filter((field) => !mentions(text, field))).toEqual([]);
  });

  test('names every field of pipelines and components', () => {
    const fields = [...Object.keys(PipelineFile.shape), ...Object.keys(ComponentFile.shape)].filter((field) => field !== '$schema');
    expect(fields.filter((field) => !mentions(text, field))).toEqual([]);
  });

  test('shows steps that the schemas know', () => {
    let seen = 0;
    for (const block of blocks(text, 'yaml')) {
      const value = parse(block) as Record<string, Record<string, unknown> | undefined>;
      for (const step of Object.values(value)) {
        const kind = step?.kind;
        // Not the kinds of other things, such as layouts.
        if (typeof kind !== 'string' || !Object.hasOwn(STEP_FILES, kind)) continue;
        seen++;
        const known = Object.keys(STEP_FILES[kind as keyof typeof STEP_FILES].shape);
        expect(Object.keys(step ?? {}).filter((field) => !known.includes(field))).toEqual([]);
      }
    }
    expect(seen).toBeGreaterThan(3);
  });

  test('shows a TypeScript pipeline that compiles', async () => {
    const [block = ''] = blocks(text, 'ts');
    await using made = await project({ 'pipeline.ts': block, 'sql/dataset.sql': 'SELECT @split' });
    expect((await made.compile({}, 'pipeline.ts')).steps.map((step) => step.id)).toEqual([
      'dataset.train',
      'dataset.validation',
      'dataset.test',
    ]);
  });
});

test('docs/search.md shows a search over the data that compiles', async () => {
  const block = blocks(read('search.md'), 'yaml').find((each) => each.includes('type: param')) ?? '';
  await using made = await project({ 'pipeline.yaml': block });
  const ids = (await made.compile()).steps.map((step) => step.id);
  const three = (name: string): string[] => [4, 8, 16].map((weeks) => `${name}.weeks-${weeks}`);
  expect(ids.sort()).toEqual(
    [...three('sessions'), ...three('train'), 'holdout', 'refit', 'search', 'sessions', 'train', 'validation'].sort(),
  );
});

describe('docs/profiles.md', () => {
  const text = read('profiles.md');

  test('names every field', () => {
    const fields = fieldsOf(ProfileInFile).filter((field) => !OTHERWISE_DESCRIBED.has(field));
    expect([...new Set(fields.filter((field) => !mentions(text, field)))]).toEqual([]);
  });

  test('shows the built-in profile as it is', async () => {
    const [block = ''] = blocks(text, 'yaml');
    await using made = await project({
      'pipeline.yaml': 'version: 1\nname: a\nsteps: { a: { kind: approval, message: x } }',
      'shown.profile.yaml': block,
    });
    expect((await made.compile({ profile: 'shown' })).profile).toEqual((await made.compile()).profile);
  });
});

/** A pod's own words; what a volume has is in the schema. */
const OTHERWISE_DESCRIBED = new Set([
  '$schema',
  'tolerationSeconds',
  'mountPath',
  'subPath',
  'readOnly',
  'gcsFuse',
  'bucket',
  'attributes',
  'source',
]);

import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, stepOf } from './project.ts';

const COMPONENT = `
inputs: { table: { type: table } }
steps:
  write: { kind: export, table: "{inputs.table}" }
outputs: { uri: "{steps.write.outputs.uri}" }
`;

const SPLITS = pipeline(
  [
    inlineQuery('dataset', 'SELECT @split AS split', 'forEach: { split: [train, validation] }\nwith: { split: "{split}" }'),
    'parts:',
    '  uses: components/export.yaml',
    '  forEach: { split: [train, validation] }',
    '  with: { table: "{steps.dataset.{split}.outputs.table}" }',
    'all:',
    '  kind: container',
    '  image: busybox',
    '  command: [ls]',
    '  inputs: { parts: "{steps.parts.outputs.uri}" }',
  ].join('\n'),
);

describe('forEach and components', () => {
  test('make one step for each instance, in an order in which inputs come first', async () => {
    const document = await compileText(SPLITS, {}, { 'components/export.yaml': COMPONENT });
    expect(document.steps.map((step) => step.id)).toEqual([
      'dataset.train',
      'dataset.validation',
      'parts.train.write',
      'parts.validation.write',
      'all',
    ]);
    expect(stepOf(document, 'dataset.validation', 'query').spec.parameters).toEqual({ split: { type: 'STRING', value: 'validation' } });
    expect(stepOf(document, 'parts.train.write', 'export')).toMatchObject({
      dependsOn: ['dataset.train'],
      spec: { table: '{steps.dataset.train.outputs.table}' },
    });
  });

  test('a reference to all instances is a map of their values', async () => {
    const document = await compileText(SPLITS, {}, { 'components/export.yaml': COMPONENT });
    expect(stepOf(document, 'all', 'container').spec.inputs).toEqual({
      parts: { train: '{steps.parts.train.write.outputs.uri}', validation: '{steps.parts.validation.write.outputs.uri}' },
    });
    expect(stepOf(document, 'all', 'container').dependsOn).toEqual(['parts.train.write', 'parts.validation.write']);
  });
});

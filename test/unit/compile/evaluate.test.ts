import { describe, expect, test } from 'vitest';
import { outputsOf } from '../../../src/contract/outputs.ts';
import { compileText, inlineQuery, pipeline, problemsOf, stepOf } from './project.ts';

const withScores = (fields: string): string =>
  pipeline(
    `${inlineQuery('s', 'SELECT 1 AS id')}\nevaluate: { kind: evaluate, scores: "{steps.s.outputs.table}"${fields === '' ? '' : `, ${fields}`} }`,
  );

describe('an evaluation of tables of scores', () => {
  test('has the outputs of its task, and those of a baseline', async () => {
    const document = await compileText(withScores('task: binary, cluster: shop, segments: [region]'));
    const { spec } = stepOf(document, 'evaluate', 'evaluate');
    expect(spec).toMatchObject({
      task: 'binary',
      scores: '{steps.s.outputs.table}',
      id: 'id',
      label: 'label',
      score: 'score',
      cluster: 'shop',
    });
    expect(outputsOf(spec)).toMatchObject({ auc: 'float', baseline_auc: 'float', log_loss: 'float', metrics: 'json', hint: 'string' });
  });

  test('takes several models by name', async () => {
    const text = pipeline(
      `${inlineQuery('a', 'SELECT 1 AS id')}\n${inlineQuery('b', 'SELECT 1 AS id')}\nevaluate: { kind: evaluate, task: regression, scores: { one: "{steps.a.outputs.table}", two: "{steps.b.outputs.table}" } }`,
    );
    expect(stepOf(await compileText(text), 'evaluate', 'evaluate').dependsOn).toEqual(['a', 'b']);
  });

  test.each([
    ['task: ranking', 'steps.evaluate.group', '"group" is missing'],
    ['task: multiclass', 'steps.evaluate.classes', '"classes" is missing'],
    ['task: binary, horizon: day', 'steps.evaluate.horizon', 'this field is of `task: forecast`'],
    ['task: binary, model: "{storage}/x"', 'steps.evaluate.model', 'scores that are there already need none'],
    ['task: anything', 'steps.evaluate.task', ''],
  ])('refuses %s', async (fields, path, message) => {
    expect(await problemsOf(withScores(fields))).toContainEqual(
      expect.objectContaining({ path, message: expect.stringContaining(message) as string }),
    );
  });

  test.each([
    ['', 'steps.evaluate.model', '"model" is missing'],
    ['model: "{storage}/x"', 'steps.evaluate.table', '"table" is missing'],
  ])('refuses neither model nor scores: %s', async (fields, path, message) => {
    const text = pipeline(`evaluate: { kind: evaluate${fields === '' ? '' : `, ${fields}`} }`);
    expect(await problemsOf(text)).toContainEqual(expect.objectContaining({ path, message }));
  });
});

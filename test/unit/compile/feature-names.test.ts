import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, problemsOf } from './project.ts';

/** A query whose feature table has these names, and a search on it. */
const searched = (names: readonly string[], more = ''): string =>
  pipeline(
    `${inlineQuery(
      'd',
      'SELECT 1 AS n',
      `features: { layout: { kind: flat, session: s, item: i, label: l }, features: [${names
        .map((name) => `{ name: "${name}", type: numeric, default: 0 }`)
        .join(', ')}] }`,
    )}
search:
  kind: search
  data: { train: "{storage}/t", validation: "{storage}/v" }
  features: "{steps.d.outputs.features}"
  objective: { metric: validation_mrr, direction: maximize }
  n_trials: 4
  space: { learning_rate: { type: float, low: 0.001, high: 0.1 } }
${more}`,
  );

describe('names of features', () => {
  test.each([
    [['price', '_hidden'], '_hidden', 'begins with _'],
    [['class'], 'class', "a word of Python's own"],
    [['self'], 'self', "a word of Python's own"],
    [['unitPrice', 'unitprice'], 'unitprice', 'differs from unitPrice in case only'],
  ])('%j: TensorFlow would refuse the first export, so that compiling does', async (names, found, why) => {
    expect(await problemsOf(searched(names))).toMatchObject([
      { path: 'steps.search.features', found, message: expect.stringContaining(why) as string },
    ]);
  });

  test.each(['größe', '1x', 'a b', 'a-b', ''])('%j is refused in words, and not by a regular expression', async (name) => {
    const [problem] = await problemsOf(searched([name]));
    expect(problem).toMatchObject({
      path: 'steps.d.features.features[0].name',
      expected: 'letters (a to z), digits and _, no digit first',
    });
  });

  test('that it takes are fine', async () => {
    await compileText(searched(['Price', 'a__b', 'x_', 'name', 'match', 'training']));
  });

  test('are no business of another trainer', async () => {
    await compileText(searched(['_hidden', 'class'], '  command: [python3, train.py]'));
  });
});

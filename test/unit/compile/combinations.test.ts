import { describe, expect, test } from 'vitest';
import { compileText, inlineQuery, pipeline, problemsOf, stepOf } from './project.ts';

const search = (name: string, space: string, more = ''): string =>
  [
    `${name}:`,
    '  kind: search',
    '  command: [python, train.py]',
    '  data: { train: "{steps.parts.train.outputs.uri}", validation: "{steps.checked.outputs.uri}" }',
    '  objective: { metric: score, direction: maximize }',
    `  space: { ${space} }`,
    '  n_trials: 8',
    ...(more === '' ? [] : [more.replace(/^/gm, '  ')]),
  ].join('\n');

const LR = 'learning_rate: { type: float, low: 0.1, high: 1 }';

/** All data sets have the history; that of the validation ends at one place for all. */
const BEFORE = [
  inlineQuery('sessions', 'SELECT @weeks AS weeks', 'with: { weeks: "{params.weeks}" }'),
  inlineQuery('calendar'),
  inlineQuery(
    'dataset',
    'SELECT @split AS split FROM {sessions} JOIN {calendar}',
    'forEach: { split: [train, test] }\nwith: { split: "{split}" }\ntables: { sessions: "{steps.sessions.outputs.table}", calendar: "{steps.calendar.outputs.table}" }',
  ),
  inlineQuery('held', 'SELECT 1 FROM {calendar}', 'tables: { calendar: "{steps.calendar.outputs.table}" }'),
  'parts: { kind: export, forEach: { split: [train] }, table: "{steps.dataset.{split}.outputs.table}" }',
  'checked: { kind: export, table: "{steps.held.outputs.table}" }',
].join('\n');

const OPEN = 'params: { weeks: 12, hot: { type: bool, default: true, choices: [true, false] } }';
const ids = (document: { readonly steps: readonly { readonly id: string }[] }): string[] => document.steps.map(({ id }) => id);
const of = (steps: readonly string[], rest = OPEN): string => pipeline(steps.join('\n'), rest);

describe('a search that chooses params of the pipeline', () => {
  test('has the steps before it made for each combination, and those that do not depend on them once', async () => {
    const document = await compileText(
      of([BEFORE.replace('[train, test]', '[train]'), search('search', `weeks: { type: param, choices: [4, 8] }, ${LR}`)]),
    );
    expect(new Set(ids(document))).toEqual(
      new Set([
        ...['sessions.weeks-4', 'sessions.weeks-8', 'calendar', 'held', 'dataset.train.weeks-4', 'dataset.train.weeks-8'],
        ...['parts.train.weeks-4', 'parts.train.weeks-8', 'checked', 'search'],
      ]),
    );
    const { spec, dependsOn } = stepOf(document, 'search', 'search');
    expect(dependsOn).toEqual(['parts.train.weeks-4', 'checked', 'parts.train.weeks-8']);
    expect(spec.space.weeks).toEqual({ type: 'categorical', choices: [4, 8] });
    const validation = '{steps.checked.outputs.uri}';
    expect(spec.data).toEqual({ train: '{steps.parts.train.weeks-4.outputs.uri}', validation });
    expect(spec.dataBy).toEqual([
      { params: { weeks: 4 }, data: { train: '{steps.parts.train.weeks-4.outputs.uri}', validation } },
      { params: { weeks: 8 }, data: { train: '{steps.parts.train.weeks-8.outputs.uri}', validation } },
    ]);
    const { spec: query, combination } = stepOf(document, 'sessions.weeks-8', 'query');
    expect(query.parameters).toEqual({ weeks: { type: 'INT64', value: 8 } });
    expect(combination).toEqual({ of: 'sessions', params: { weeks: 8 } });
    expect(document.params.weeks).toBe(12);
  });

  test('is named by those params alone that a step depends on', async () => {
    const export_ = BEFORE.replace('split: [train] }, table', 'split: [train] }, orderBy: ["{params.order}"], table').replace(
      '[train, test]',
      '[train]',
    );
    const document = await compileText(
      of(
        [export_, search('search', 'weeks: { type: param, choices: [4, 8] }, order: { type: param }')],
        'params: { weeks: 12, order: { default: a, choices: [a, b] } }',
      ),
    );
    expect(
      ids(document)
        .filter((id) => /sessions|parts/.test(id))
        .sort(),
    ).toEqual([
      ...['parts.train.weeks-4-order-a', 'parts.train.weeks-4-order-b', 'parts.train.weeks-8-order-a', 'parts.train.weeks-8-order-b'],
      ...['sessions.weeks-4', 'sessions.weeks-8'],
    ]);
    expect(stepOf(document, 'search', 'search').spec.dataBy).toHaveLength(4);
  });

  test('tells what comes after it what its best trial chose', async () => {
    const evaluate = 'evaluate: { kind: evaluate, scores: "{steps.dataset.test.outputs.table}", group: g, after: search }';
    const document = await compileText(of([BEFORE, search('search', 'weeks: { type: param, choices: [4, 8] }'), evaluate]));
    const { spec } = stepOf(document, 'sessions', 'query');
    expect(spec.parameters).toEqual({ weeks: { type: 'INT64', value: '{steps.search.outputs.params_weeks}' } });
    expect(stepOf(document, 'dataset.test', 'query')).toMatchObject({ dependsOn: ['sessions', 'calendar'] });
    expect(ids(document).filter((id) => id.startsWith('dataset'))).toEqual([
      'dataset.train.weeks-4',
      'dataset.train.weeks-8',
      'dataset.test',
    ]);
    expect(stepOf(document, 'evaluate', 'evaluate').spec.scores).toBe('{steps.dataset.test.outputs.table}');
  });

  test('leaves the param as it is elsewhere, and shares a combination with who asks for the same', async () => {
    const stats = 'stats: { kind: container, image: i, command: [c], inputs: { t: "{steps.sessions.outputs.table}" } }';
    const two = [search('one', 'weeks: { type: param, choices: [4, 12] }'), search('two', 'weeks: { type: param, choices: [8, 12] }')];
    const document = await compileText(of([BEFORE.replace('[train, test]', '[train]'), ...two, stats]));
    expect(
      ids(document)
        .filter((id) => id.startsWith('sessions'))
        .sort(),
    ).toEqual(['sessions', 'sessions.weeks-4', 'sessions.weeks-8']);
    expect(stepOf(document, 'sessions', 'query').spec.parameters).toEqual({ weeks: { type: 'INT64', value: 12 } });
    expect(stepOf(document, 'stats', 'container').spec.inputs).toEqual({ t: '{steps.sessions.outputs.table}' });
  });

  test('reaches into components and what they are given', async () => {
    const part = `
inputs: { weeks: { type: int }, table: { type: table } }
steps:
  cut: { kind: query, sql: { inline: "SELECT @weeks" }, with: { weeks: "{inputs.weeks}" }, tables: { t: "{inputs.table}" } }
  write: { kind: export, table: "{steps.cut.outputs.table}" }
outputs: { uri: "{steps.write.outputs.uri}" }
`;
    const steps = [
      inlineQuery('all'),
      'parts: { uses: part.yaml, forEach: { split: [train] }, with: { weeks: "{params.weeks}", table: "{steps.all.outputs.table}" } }',
      'checked: { kind: export, table: "{steps.all.outputs.table}" }',
      search('search', 'weeks: { type: param, choices: [4, 8] }'),
    ];
    const document = await compileText(of(steps), {}, { 'part.yaml': part });
    expect(ids(document)).toContain('parts.train.write.weeks-8');
    expect(stepOf(document, 'search', 'search').spec.dataBy?.[1]?.data).toEqual({
      train: '{steps.parts.train.write.weeks-8.outputs.uri}',
      validation: '{steps.checked.outputs.uri}',
    });
  });

  test('has an early evaluation on the data of the trial', async () => {
    const early =
      'features: "{steps.dataset.train.outputs.features}"\nearlyEvaluation: { table: "{steps.dataset.test.outputs.table}", features: "{steps.dataset.test.outputs.features}", data: "{steps.parts.train.outputs.uri}" }';
    const featured = BEFORE.replace(
      'forEach: { split: [train, test] }',
      'forEach: { split: [train, test] }\n  features: { layout: { kind: flat, session: s, item: i, label: y }, features: [{ name: a, type: numeric, default: 0 }] }',
    );
    const document = await compileText(of([featured, search('search', 'weeks: { type: param, choices: [4, 8] }', early)]));
    const { spec } = stepOf(document, 'search', 'search');
    expect(spec.dataBy?.[1]).toMatchObject({
      features: '{steps.dataset.train.weeks-8.outputs.features}',
      earlyEvaluation: { table: '{steps.dataset.test.weeks-8.outputs.table}' },
    });
  });

  test('does not change a document without such a search', async () => {
    const plain = await compileText(of([BEFORE, search('search', LR)]));
    expect(stepOf(plain, 'search', 'search').spec).not.toHaveProperty('dataBy');
    expect(plain.steps.every((step) => !('combination' in step))).toBe(true);
  });
});

describe('refuses', () => {
  const told = async (steps: readonly string[], files = {}): Promise<string> =>
    (await problemsOf(of(steps), {}, files)).map(({ path, message }) => `${path ?? ''}: ${message}`).join('\n');
  const chosen = (more: string): string => search('search', `weeks: { type: param, ${more} }`);

  test.each([
    ['a param that is not there', search('search', 'months: { type: param, choices: [1] }'), 'months: there is no param "months"'],
    ['no choices', search('search', 'weeks: { type: param }'), 'weeks.choices: "choices" is missing'],
    ['a value of another type', chosen('choices: [4, many]'), 'weeks.choices[1]: "weeks" has the wrong type'],
    [
      'a value that the param does not allow',
      search('search', 'hot: { type: param, choices: [1] }'),
      'hot.choices[0]: "hot" has the wrong type',
    ],
    ['a condition', chosen('choices: [4, 8], when: { parameter: x, in: [1] }'), 'weeks.when: unknown field'],
    [
      'too many combinations',
      chosen(`choices: [${Array.from({ length: 65 }, (_, i) => i + 1).join(', ')}]`),
      'weeks: too many combinations',
    ],
    [
      'a param that nothing depends on',
      search('search', 'weeks: { type: param, choices: [4, 8] }, hot: { type: param }'),
      'hot: nothing that this search trains on',
    ],
    [
      'training that depends on it',
      search('search', 'weeks: { type: param, choices: [4, 8] }', 'epochs: "{params.weeks}"'),
      'epochs: this differs from trial to trial',
    ],
    [
      'a population that would change its data',
      search(
        'search',
        `weeks: { type: param, choices: [4, 8] }, ${LR}`,
        'scheduler: { kind: pbt, population: 4, interval: 1, resource: points, mutate: [weeks] }',
      ),
      'scheduler.mutate: a member goes on from a checkpoint',
    ],
  ])('%s', async (_, one, message) => {
    expect(await told([BEFORE, one])).toContain(
      `steps.search.${message.startsWith('epochs') || message.startsWith('scheduler') ? '' : 'space.'}${message}`,
    );
  });

  test('a search after another one, both over params', async () => {
    const second = search('second', 'hot: { type: param }', 'after: search');
    expect(await told([BEFORE, search('search', 'weeks: { type: param, choices: [4, 8] }'), second])).toContain(
      'second.space: this search comes after another one',
    );
  });

  test('a step that cannot tell whose choice is meant', async () => {
    const both = 'both: { kind: container, image: i, command: [c], inputs: { weeks: "{params.weeks}" }, after: [one, two] }';
    const two = [search('one', 'weeks: { type: param, choices: [4, 12] }'), search('two', 'weeks: { type: param, choices: [8, 12] }')];
    expect(await told([BEFORE, ...two, both])).toContain('steps.both: whose params.weeks is meant here? one and two choose it');
  });

  test('a search in a component or at exit', async () => {
    const component = `steps:\n  s:\n    kind: search\n    command: [c]\n    objective: { metric: m, direction: maximize }\n    space: { weeks: { type: param, choices: [4] } }\n    n_trials: 1\n`;
    expect(await told(['inner: { uses: c.yaml }'], { 'c.yaml': component })).toContain(
      'the space of a search in a component cannot choose params',
    );
  });
});

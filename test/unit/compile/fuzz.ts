/**
 * Mutates good projects: whatever comes of it, compiling ends soon, with a valid document or with an InvalidInputError that names a file.
 * Seeded, so that a failure can be played again: `fuzz({ count: 1, seed })`.
 */
import fc from 'fast-check';
import { RunDocument } from '../../../src/contract/run-document.ts';
import { InvalidInputError } from '../../../src/contract/errors.ts';
import { project } from './project.ts';

/** Time of the processor for one project, and those that are compiled beside it; a good one takes about 10 ms. */
const LIMIT_MS = 5_000;
const AT_ONCE = 8;

interface FuzzResult {
  readonly compiled: number;
  readonly refused: number;
  readonly slowestMs: number;
}

type Files = Readonly<Record<string, string>>;

/** @throws when one of `count` mutants ends in anything but a document or an InvalidInputError, or takes too long */
export async function fuzz({ count, seed }: { readonly count: number; readonly seed: number }): Promise<FuzzResult> {
  const mutants = fc.sample(mutantOf(GOOD), { numRuns: count, seed });
  const result = { compiled: 0, refused: 0, slowestMs: 0 };
  const queue = mutants.entries();
  const work = async (): Promise<void> => {
    for (const [index, files] of queue) await play(index, files);
  };
  const play = async (index: number, files: Files): Promise<void> => {
    const started = process.cpuUsage();
    const outcome = await compiled(files);
    // Of the processor and not of the clock: others use this machine too.
    const { user, system } = process.cpuUsage(started);
    const took = (user + system) / 1000;
    if (outcome instanceof Error || took > LIMIT_MS)
      throw new Error(
        `mutant ${index} of seed ${seed}${outcome instanceof Error ? '' : ` took ${took} ms`}:\n${JSON.stringify(files, null, 2)}`,
        {
          cause: outcome,
        },
      );
    result[outcome]++;
    result.slowestMs = Math.max(result.slowestMs, took);
  };
  // They wait for the disk most of the time.
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return result;
}

async function compiled(files: Files): Promise<'compiled' | 'refused' | Error> {
  await using made = await project(files);
  try {
    const document = await made.compile();
    const again = RunDocument.safeParse(JSON.parse(JSON.stringify(document)));
    return again.success ? 'compiled' : again.error;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) return error instanceof Error ? error : new Error(String(error));
    const isTold = error.problems.length > 0 && error.problems.every(({ file, message }) => file !== '' && message !== '');
    return isTold ? 'refused' : error;
  }
}

/** One to four changes to one or more of the files. */
function mutantOf(files: Files): fc.Arbitrary<Files> {
  const names = Object.keys(files);
  const change = fc.record({ file: fc.constantFrom(...names), change: changeOf(names.map((name) => files[name] ?? '')) });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    const changed = { ...files };
    for (const { file, change: apply } of changes) changed[file] = apply(changed[file] ?? '');
    return changed;
  });
}

type Change = (text: string) => string;

function changeOf(texts: readonly string[]): fc.Arbitrary<Change> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  const lines = texts.flatMap((text) => text.split('\n'));
  const at = (text: string, where: number): number => Math.floor(where * text.length);
  return fc.oneof(
    // Other values in the place of a word, number or quoted text: most of what goes wrong in real files.
    { weight: 5, arbitrary: fc.tuple(place, fc.constantFrom(...VALUES)).map(([where, value]) => replaceToken(where, value)) },
    { weight: 2, arbitrary: fc.tuple(place, fc.constantFrom(...lines)).map(([where, line]) => changeLines(where, (one) => [one, line])) },
    { weight: 2, arbitrary: place.map((where) => changeLines(where, () => [])) },
    { weight: 1, arbitrary: place.map((where) => changeLines(where, (one) => [one, one])) },
    {
      weight: 1,
      arbitrary: fc.tuple(place, fc.constantFrom(1, 2, 4)).map(([where, by]) => changeLines(where, (one) => [' '.repeat(by) + one])),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(place, fc.string({ unit: fc.constantFrom(...NOISE), maxLength: 8 })).map(
        ([where, noise]) =>
          (text: string) =>
            text.slice(0, at(text, where)) + noise + text.slice(at(text, where)),
      ),
    },
    { weight: 1, arbitrary: place.map((where) => (text: string) => text.slice(0, at(text, where))) },
    {
      weight: 1,
      arbitrary: fc.tuple(place, place).map(
        ([a, b]) =>
          (text: string) =>
            text.slice(0, at(text, Math.min(a, b))) + text.slice(at(text, Math.max(a, b))),
      ),
    },
  );
}

function replaceToken(where: number, value: string): Change {
  return (text) => {
    const tokens = [...text.matchAll(/"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_.]+/g)];
    const token = tokens[Math.floor(where * tokens.length)] ?? tokens[0];
    return token ? text.slice(0, token.index) + value + text.slice(token.index + token[0].length) : value;
  };
}

function changeLines(where: number, change: (line: string) => string[]): Change {
  return (text) => {
    const lines = text.split('\n');
    const index = Math.min(lines.length - 1, Math.floor(where * lines.length));
    return lines.flatMap((line, i) => (i === index ? change(line) : [line])).join('\n');
  };
}

/** Characters that mean something to somebody, and some that mean nothing to anybody. */
const NOISE = Array.from('{}[]:,&*#?|-<>=!%@\\"\'`~ \t\n\r\0\u0085\u2028\ud83d\ufffe\u0301é漢0aZ._$');

/** Texts that something may choke on. */
const VALUES: readonly string[] = [
  '',
  '~',
  'null',
  'true',
  '-1',
  '0',
  '1e999',
  '.nan',
  '99999999999999999999',
  '0x10',
  '[]',
  '{}',
  '[[[[]]]]',
  '{ a: { b: {} } }',
  '*a',
  '&a [*a]',
  '!!binary aGk=',
  '!!js/function x',
  '<<',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '"{params.trials}"',
  '"{params}"',
  '"{params.}"',
  '"{steps.dataset.outputs.table}"',
  '"{steps.dataset.{split}.outputs.table}"',
  '"{steps.search.outputs.constructor}"',
  '"{{{{}}}}"',
  '"{run}"',
  '"{{key}}"',
  '"{{{split}}}"',
  '"{split}{split}"',
  '"{inputs.table}"',
  '"{steps.parts.train.outputs.uri}"',
  '"{storage}/../../x"',
  '../../../../etc/passwd',
  '/dev/zero',
  '/dev/stdin',
  '.',
  'pipeline.yaml',
  'components/parts.yaml',
  'steps.parts.train',
  'steps',
  'onExit',
  'forEach',
  'when',
  'uses',
  'extends',
  'query',
  'search',
  'approval',
  '"((((((((1"',
  '"not not not not true"',
  '"1 < 2 < 3"',
  '"steps.search.status == \'failed\'"',
  '"steps.a.b.c.d.outputs.e > 1 and"',
  '"\\u0000"',
  '"\\ud800"',
  'é漢字',
  '2024-01-01',
  '12:30:45',
  'yes',
  '1_000',
  '"30 s"',
  '5d',
  '| ',
  '> ',
  '- ',
  '? ',
  ': ',
  '# ',
  '---',
  '...',
  '%YAML 9.9',
  '@',
  '`',
];

const GOOD: Files = {
  'pipeline.yaml': `extends: base.yaml
params:
  trials: 4
steps:
  tell: null
  search:
    parallel: 2
    stopping: [{ kind: median, startupTrials: 1 }]
`,
  'base.yaml': `version: 1
name: fuzzed
params:
  trials: { type: int, default: 2 }
  splits: [train, test]
  mode: { default: fast, choices: [fast, slow] }
budget: { cost: 10 }
steps:
  dataset:
    kind: query
    forEach: { split: "{params.splits}" }
    sql: sql/d.sql
    with: { split: "{split}", weeks: [1, 2.5], day: { type: DATE, value: 2024-01-01 } }
    features: features.yaml
    destination: "data.{step}_{key}"
  parts:
    uses: components/parts.yaml
    forEach: { split: "{params.splits}" }
    with: { table: "{steps.dataset.{split}.outputs.table}" }
    timeout: 2h
  search:
    kind: search
    data: "{steps.parts.outputs.uri}"
    features: "{steps.dataset.train.outputs.features}"
    objective: { metric: loss, goal: minimize }
    space:
      layers: { type: int, low: 1, high: 3 }
      rate: { type: float, low: 0.001, high: 0.1, log: true, when: { parameter: layers, in: [1, 2] } }
      units: { type: categorical, choices: [[8], [16, 8]] }
    trials: "{params.trials}"
    retry: { attempts: 2, backoff: 30s }
  ask: { kind: approval, message: "{params.mode}: {steps.search.outputs.best_objective}?", timeout: 1d, after: [parts] }
  evaluate:
    kind: evaluate
    when: steps.ask.outputs.approved and (steps.search.outputs.best_objective > 0.5 or not steps.ask.status == 'skipped')
    model: "{steps.search.outputs.export}"
    table: "{steps.dataset.test.outputs.table}"
    features: "{steps.dataset.train.outputs.features}"
    data: "{steps.parts.test.outputs.uri}"
    customMetrics: [{ inline: "SELECT AVG(score) AS mean_score FROM {scores}" }]
  run: { kind: container, image: busybox, command: [sh, -c, "echo $\{HOME} {run}"], inputs: { all: "{steps.parts.outputs.uri}" }, outputs: { n: int } }
onExit:
  tell: { kind: script, file: tell.sh, when: "run.status == 'failed'" }
`,
  'components/parts.yaml': `inputs:
  table: { type: table }
  rows: { type: int, default: 100 }
steps:
  write: { kind: export, table: "{inputs.table}", rowsPerPart: "{inputs.rows}", destination: "{storage}/{pipeline}/{step}/{key}" }
outputs: { uri: "{steps.write.outputs.uri}" }
`,
  'features.yaml': `layout: { kind: flat, session: s, item: i, label: l }
features:
  - { name: price, type: numeric, default: 0 }
  - { name: brand, type: categorical, default: none, buckets: 10 }
`,
  'sql/d.sql': `SELECT 1 AS s, 'a' AS i, 1 AS l -- @nothing {here}
FROM UNNEST(@weeks) WHERE @split = 'train' AND @day > '2020-01-01'
`,
  'tell.sh': 'echo done\n',
};

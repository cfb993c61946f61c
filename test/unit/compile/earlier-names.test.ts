/** Every name that was called otherwise before 0.2: read, said to be old, rewritten, and the same run document either way. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { migrate } from '../../../src/compile/migrate.ts';
import {
  PIPELINE_RENAMES,
  POLICY_RENAMES,
  PROFILE_RENAMES,
  STEP_RENAMES,
  type Rename,
  type Renames,
} from '../../../src/contract/earlier-names.ts';
import { numberIn, withUnit } from '../../../src/contract/units.ts';
import { policyOfFile, PolicyInFile } from '../../../src/contract/written.ts';
import { readPolicy } from '../../../src/adapters/policy-file.ts';
import { project } from './project.ts';

type Fields = Readonly<Record<string, unknown>>;

const METRIC = { metric: 'validation_auc' };
const STEPS: Readonly<Record<keyof typeof STEP_RENAMES, Fields>> = {
  query: { sql: { inline: 'SELECT 1 AS n' } },
  export: { table: 'own.rows' },
  search: {
    data: { train: 'gs://own/train' },
    features: 'gs://own/features.json',
    command: ['python', 'own.py'],
    objective: { ...METRIC, direction: 'maximize' },
    space: { depth: { type: 'int', low: 1, high: 9 } },
    n_trials: 3,
  },
  train: { command: ['python', 'own.py'], objective: { ...METRIC, direction: 'maximize' } },
  evaluate: { scores: 'own.scores', task: 'binary' },
  check: { table: 'own.rows', rules: [{ check: 'rows', min: 1 }] },
  container: { image: 'own:1', command: ['true'] },
  script: { file: 'a.py' },
  approval: { message: 'yes?' },
};
/** What a name needs beside it, by its place. */
const BESIDE: Readonly<Record<string, Fields>> = {
  'alsoOptimize.goal': { metric: 'validation_loss' },
  'objective.goal': METRIC,
  'pruner.reductionFactor': { kind: 'asha' },
  'pruner.seconds': { kind: 'wall-clock' },
  'scheduler.factor': { kind: 'asha' },
  'earlyEvaluation.everySeconds': { table: 'own.test', features: 'gs://own/f.json', data: 'gs://own/test' },
  'rules.maxHours': { check: 'freshness', column: 'at' },
};
const LISTS = ['alsoOptimize', 'pruner', 'rules'];
const NUMBERS = { s: 5400, h: 36, d: 14, Mi: 3072 } as const;
const TEXTS = { s: '90m', h: '36h', d: '14d', Mi: '3Gi' } as const;
const OTHERS: Readonly<Record<string, unknown>> = {
  trials: 5,
  stopping: [{ kind: 'median' }],
  goal: 'minimize',
  factor: 3,
  reductionFactor: 3,
};

interface Spelled {
  readonly name: string;
  readonly old: Fields;
  readonly now: Fields;
}

const spellings = (places: readonly Renames[]): Spelled[] =>
  places.flatMap(({ at, renames }) =>
    renames.map(({ old, now, unit }: Rename): Spelled => {
      const name = [...at, old].join('.');
      const [key = ''] = at;
      const inside = (field: string, value: unknown): Fields => {
        const map: Fields = { ...BESIDE[name], [field]: value };
        return at.reduceRight<Fields>((inner, each, depth) => {
          const content = depth === 0 && at.length > 1 ? { ...BESIDE[`${key}.everySeconds`], ...inner } : inner;
          return { [each]: LISTS.includes(each) ? [content] : content };
        }, map);
      };
      return {
        name,
        old: inside(old, unit === undefined ? OTHERS[old] : NUMBERS[unit]),
        now: inside(now, unit === undefined ? OTHERS[old] : TEXTS[unit]),
      };
    }),
  );

const inStep = (kind: keyof typeof STEP_RENAMES, fields: Fields): string => {
  const { n_trials, ...rest } = STEPS[kind];
  const planned = n_trials === undefined || 'trials' in fields ? {} : { n_trials };
  return stringify({ version: 1, name: 'own', steps: { step: { kind, ...rest, ...planned, ...fields } } });
};
const inPipeline = (fields: Fields): string =>
  stringify({ version: 1, name: 'own', steps: { step: { kind: 'query', ...STEPS.query } }, ...fields });
const DUCKDB = {
  warehouse: { kind: 'duckdb', path: '/own/warehouse' },
  storage: { kind: 'gcs', bucket: 'own' },
  compute: { kind: 'kubernetes', image: 'own:1' },
};
const inProfile = ({ warehouse, compute, ...fields }: Fields): string =>
  stringify({
    ...DUCKDB,
    warehouse: {
      ...(warehouse !== undefined && !JSON.stringify(warehouse).includes('memory')
        ? { kind: 'bigquery', project: 'own' }
        : DUCKDB.warehouse),
      ...(warehouse as Fields | undefined),
    },
    compute: { ...DUCKDB.compute, ...(compute as Fields | undefined) },
    ...fields,
  });

interface Compiled {
  readonly hash: string;
  readonly warnings: readonly string[];
}

async function compiled(pipeline: string, profile: string): Promise<Compiled> {
  await using made = await project({ 'pipeline.yaml': pipeline, 'profiles/own.yaml': profile, 'a.py': 'pass' });
  const warnings: string[] = [];
  const { hash } = await made.compile({ profile: 'own', warn: (line) => warnings.push(line) });
  return { hash, warnings };
}

type Case = readonly [name: string, old: readonly [string, string], now: readonly [string, string]];
const PROFILE = inProfile({});
const CASES: readonly Case[] = [
  ...(Object.keys(STEP_RENAMES) as (keyof typeof STEP_RENAMES)[]).flatMap((kind) =>
    spellings(STEP_RENAMES[kind]).map((one): Case => [
      `${kind}: ${one.name}`,
      [inStep(kind, one.old), PROFILE],
      [inStep(kind, one.now), PROFILE],
    ]),
  ),
  ...spellings(PIPELINE_RENAMES).map((one): Case => [
    `pipeline: ${one.name}`,
    [inPipeline(one.old), PROFILE],
    [inPipeline(one.now), PROFILE],
  ]),
  ...spellings(PROFILE_RENAMES).map((one): Case => [
    `profile: ${one.name}`,
    [inPipeline({}), inProfile(one.old)],
    [inPipeline({}), inProfile(one.now)],
  ]),
];

it.each(CASES)('%s', async (name, [oldPipeline, oldProfile], [pipeline, profile]) => {
  const before = await compiled(oldPipeline, oldProfile);
  const after = await compiled(pipeline, profile);
  expect(before.hash).toBe(after.hash);
  expect(after.warnings).toEqual([]);
  expect(before.warnings).toEqual([expect.stringContaining(`${name.split(/[ .]/).at(-1) ?? ''} is now`)]);
  const migrated = [migrate(oldPipeline), migrate(oldProfile)];
  expect(migrated.map(({ text }) => parse(text) as unknown)).toEqual([parse(pipeline), parse(profile)]);
  for (const { text } of migrated) expect(migrate(text)).toEqual({ text, changes: [] });
});

describe('a policy', () => {
  it.each(spellings(POLICY_RENAMES))('$name', async ({ old, now }) => {
    await using made = await project({ 'old.yaml': stringify(old), 'now.yaml': stringify(now) });
    const read = await readPolicy(`${made.folder}/now.yaml`);
    expect(read).toEqual(policyOfFile(PolicyInFile.parse(now)));
    expect(await readPolicy(`${made.folder}/old.yaml`)).toEqual(read);
    expect(parse(migrate(stringify(old)).text)).toEqual(now);
  });
});

describe('values that stand behind a name', () => {
  const step = (field: string): string => `version: 1
name: own
params:
  minutes: 3   # not a field
steps:
  fit:   # the trainer
    kind: search
    data: { train: gs://own/train }
    features: gs://own/f.json
    command: [python, own.py]
    objective: { metric: auc, direction: maximize }
    space: { depth: { type: int, low: 1, high: 9 } }
    n_trials: 3
    ${field}
`;

  it.each([
    ['checkpoint: { maxSeconds: 1800 }   # half an hour', 'checkpoint: { max: 30m }   # half an hour'],
    ['checkpoint: { maxSeconds: "{params.minutes}" }', 'checkpoint: { max: "{params.minutes}s" }'],
    ['attemptDeadlineSeconds: 90 # no minutes', 'attemptDeadline: 90s # no minutes'],
    ['resources: { memoryMb: 1536, gpu: 1 }', 'resources: { memory: 1536Mi, gpu: 1 }'],
    ['budget:\n      # a night\n      hours: 8.5', 'budget:\n      # a night\n      time: 510m'],
  ])('%s', (old, now) => {
    expect(migrate(step(old)).text).toBe(step(now));
  });

  it('keep a template that gives the number', async () => {
    const old = step('checkpoint: { maxSeconds: "{params.minutes}" }').replace('minutes: 3', 'minutes: 180');
    const { text } = migrate(old);
    expect((await compiled(text, PROFILE)).hash).toBe((await compiled(old, PROFILE)).hash);
  });

  it('are written out where an alias stood', () => {
    expect(migrate('x: &m 2048\nsteps:\n  a: { kind: script, resources: { memoryMb: *m } }\n').text).toContain('{ memory: 2Gi }');
    expect(() => migrate('steps:\n  a: { kind: script, resources: { memoryMb: &m 2048 } }\n')).toThrow(
      /line 2: memoryMb has the anchor &m/,
    );
  });
});

describe('a unit', () => {
  it.each([
    ['s', '1h30m', 5400],
    ['s', '1d 2h', 93_600],
    ['s', '0.5s', 0.5],
    ['s', 0, 0],
    ['h', '2d', 48],
    ['h', '90m', 1.5],
    ['h', '0.1h', 0.1],
    ['d', '12h', 0.5],
    ['Mi', '8Gi', 8192],
    ['Mi', '512Mi', 512],
    ['Mi', '1.5Gi', 1536],
    ['Mi', '1G', 954],
    ['Mi', '2048Ki', 2],
  ] as const)('%s: %s', (unit, text, number) => {
    expect(numberIn(unit, text)).toBe(number);
    expect(numberIn(unit, withUnit(number, unit))).toBe(number);
  });

  it.each(['', '10', 'm', '1x', '-1h', '30m1h', '1h1h', '1.h'])('is missing from %j', (text) => {
    expect(numberIn('s', text)).toBeNaN();
  });

  it('is asked for where a bare number stands, with what was meant perhaps', async () => {
    await using made = await project({ 'pipeline.yaml': inPipeline({}), 'profiles/own.yaml': inProfile({ silence: 600 }) });
    expect(await made.problems({ profile: 'own' })).toEqual([
      expect.objectContaining({
        file: 'profiles/own.yaml',
        path: 'silence',
        message: 'a number needs a unit',
        expected: expect.stringContaining('1h30m') as string,
        found: '600',
        hint: 'did you mean 600s?',
      }),
    ]);
  });

  it('keeps to the bounds of the field', async () => {
    await using made = await project({
      'pipeline.yaml': inPipeline({}),
      'profiles/own.yaml': inProfile({ placement: { deadline: '0s' } }),
    });
    expect(await made.problems({ profile: 'own' })).toEqual([
      expect.objectContaining({ path: 'placement.deadline', message: 'too small' }),
    ]);
  });
});

it('docs/upgrade.md has every name', async () => {
  const text = await readFile(new URL('../../../docs/upgrade.md', import.meta.url), 'utf8');
  const all = [...Object.values(STEP_RENAMES).flat(), ...PIPELINE_RENAMES, ...PROFILE_RENAMES, ...POLICY_RENAMES].flatMap(
    (place: Renames) => place.renames,
  );
  expect(all.filter(({ old, now }) => !text.includes(`\`${old}\``) || !text.includes(`\`${now}`)).map(({ old }) => old)).toEqual([]);
});

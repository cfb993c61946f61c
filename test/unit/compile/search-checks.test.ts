import { describe, expect, test } from 'vitest';
import type { Problem } from '../../../src/contract/errors.ts';
import type { SearchSpec } from '../../../src/contract/steps.ts';
import { compileText, pipeline, problemsOf, project, stepOf } from './project.ts';

/** A search of the reference trainer; what a case changes replaces the line of that field. */
function search(changes: Readonly<Record<string, string>> = {}): string {
  const fields = {
    kind: 'search',
    data: '{ train: "{storage}/t", validation: "{storage}/v" }',
    features: '"{storage}/f.json"',
    objective: '{ metric: validation_mrr, direction: maximize }',
    n_trials: '4',
    space: '{ rate: { type: float, low: 0.001, high: 0.1, log: true }, deep: { type: categorical, choices: [true, false] } }',
    ...changes,
  };
  const lines = Object.entries(fields).map(([name, value]) => `  ${name}: ${value}`);
  return pipeline(`search:\n${lines.join('\n')}`);
}

const EARLY = '{ table: "d.t", features: "{storage}/f.json", data: "{storage}/v" }';
const OWN = { command: '[python3, train.py]' };

const POPULATION = '{ kind: pbt, population: 4, interval: 2 }';
const CONSTANT = { fixed: '{ learning_rate_schedule: constant }' };

interface Case {
  readonly what: string;
  readonly changes: Readonly<Record<string, string>>;
  readonly says: Partial<Problem>;
}

const CASES: readonly Case[] = [
  {
    what: 'a mistyped objective',
    changes: { objective: '{ metric: validation_mmr, direction: maximize }' },
    says: { path: 'steps.search.objective.metric', found: 'validation_mmr', hint: 'did you mean validation_mrr?' },
  },
  {
    what: 'a choice that is there twice',
    changes: { space: '{ kind: { type: categorical, choices: [[64], [32], [64]] } }' },
    says: { path: 'steps.search.space.kind.choices[2]', message: 'this choice is there twice', found: '[64]' },
  },
  {
    what: 'conditions that wait for each other',
    changes: {
      space:
        '{ a: { type: int, low: 1, high: 2, when: { parameter: b, in: [1] } }, b: { type: int, low: 1, high: 2, when: { parameter: a, in: [1] } } }',
    },
    says: { path: 'steps.search.space.a.when', found: 'a → b → a' },
  },
  {
    what: 'a condition on one value of a range',
    changes: {
      space: '{ a: { type: float, low: 0, high: 1 }, b: { type: int, low: 1, high: 2, when: { parameter: a, in: [0.5] } } }',
    },
    says: { path: 'steps.search.space.b.when.in[0]', expected: 'a parameter with choices, whole numbers or a step' },
  },
  {
    what: 'a condition on a value between two steps',
    changes: {
      space: '{ a: { type: int, low: 8, high: 64, step: 8 }, b: { type: int, low: 1, high: 2, when: { parameter: a, in: [16, 20] } } }',
    },
    says: { path: 'steps.search.space.b.when.in[1]', expected: 'a whole number from 8 to 64 in steps of 8', found: '20' },
  },
  {
    what: 'a mistyped further objective',
    changes: { alsoOptimize: '[{ metric: validation_los, direction: minimize }]' },
    says: { path: 'steps.search.alsoOptimize[0].metric', hint: 'did you mean validation_loss?' },
  },
  {
    what: 'the same objective twice',
    changes: { alsoOptimize: '[{ metric: validation_mrr, direction: maximize }]' },
    says: { path: 'steps.search.alsoOptimize[0].metric', message: 'this is an objective already' },
  },
  {
    what: 'a metric that needs a data set',
    changes: { data: '{ train: "{storage}/t" }' },
    says: { path: 'steps.search.objective.metric', hint: 'it needs a data set named validation' },
  },
  {
    what: 'a mistyped metric of a rule',
    changes: { pruner: '[{ kind: median }, { kind: underfitting, metric: validation_averge_rank, worseThan: 1, afterSteps: 1 }]' },
    says: { path: 'steps.search.pruner[1].metric', hint: 'did you mean validation_average_rank?' },
  },
  {
    what: 'a rule whose metric says nothing of its direction',
    changes: { ...OWN, pruner: '[{ kind: underfitting, metric: churn, worseThan: 1, afterSteps: 1 }]' },
    says: { path: 'steps.search.pruner[0]', expected: 'direction: maximize or minimize' },
  },
  {
    what: 'an offline objective without early evaluation',
    changes: { objective: '{ metric: offline.mrr, direction: maximize }' },
    says: { path: 'steps.search.objective.metric', hint: 'add earlyEvaluation' },
  },
  {
    what: 'a mistyped offline objective',
    changes: { objective: '{ metric: offline.ndgc_at_10, direction: maximize }', earlyEvaluation: EARLY },
    says: { path: 'steps.search.objective.metric', hint: 'did you mean offline.ndcg_at_10?' },
  },
  {
    what: 'a given trial with a mistyped parameter',
    changes: { sampler: '{ enqueue: [{ rat: 0.01, deep: true }] }' },
    says: { path: 'steps.search.sampler.enqueue[0].rat', expected: 'rate, deep' },
  },
  {
    what: 'a given trial outside of the space',
    changes: { sampler: '{ enqueue: [{ rate: 0.01, deep: true }, { rate: 7, deep: true }] }' },
    says: { path: 'steps.search.sampler.enqueue[1].rate', expected: 'a number from 0.001 to 0.1', found: '7' },
  },
  {
    what: 'a given trial with a value of another type',
    changes: { sampler: '{ enqueue: [{ rate: fast, deep: true }] }' },
    says: { path: 'steps.search.sampler.enqueue[0].rate', found: '"fast"' },
  },
  {
    what: 'a given trial without a value',
    changes: { sampler: '{ enqueue: [{ deep: true }] }' },
    says: { path: 'steps.search.sampler.enqueue[0].rate', message: 'a value is missing' },
  },
  {
    what: 'a given trial with a number for a switch',
    changes: { sampler: '{ enqueue: [{ rate: 0.01, deep: 1 }] }' },
    says: { path: 'steps.search.sampler.enqueue[0].deep', hint: 'did you mean true?' },
  },
  {
    what: 'a condition that never holds',
    changes: {
      space:
        '{ deep: { type: categorical, choices: [true, false] }, layers: { type: int, low: 1, high: 3, when: { parameter: deep, in: [1] } } }',
    },
    says: { path: 'steps.search.space.layers.when.in[0]', expected: 'one of true, false', found: '1', hint: 'did you mean true?' },
  },
  {
    what: 'a condition on a number that is out of range',
    changes: {
      space: '{ layers: { type: int, low: 1, high: 3 }, units: { type: int, low: 8, high: 64, when: { parameter: layers, in: [3, 4] } } }',
    },
    says: { path: 'steps.search.space.units.when.in[1]', expected: 'a whole number from 1 to 3', found: '4' },
  },
  {
    what: 'a constraint with a mistyped parameter',
    changes: { sampler: '{ constraints: ["rat - 0.01"] }' },
    says: { path: 'steps.search.sampler.constraints[0]', hint: 'did you mean rate?' },
  },
  {
    what: 'a constraint that is no expression',
    changes: { sampler: '{ constraints: ["rate - "] }' },
    says: { path: 'steps.search.sampler.constraints[0]', message: 'no expression: it ends too early' },
  },
  {
    what: 'constraints that leave nothing',
    changes: { sampler: '{ constraints: ["rate - 0.05", "0.06 - rate"] }' },
    says: { path: 'steps.search.sampler.constraints', message: 'the constraints leave nothing of the space' },
  },
  {
    what: 'a scheduler beside a pruner of rungs',
    changes: { scheduler: '{ kind: asha }', pruner: '[{ kind: asha }]' },
    says: { path: 'steps.search.pruner[0]', found: 'pruner: asha (stops) beside scheduler: asha (promotes)' },
  },
  {
    what: 'brackets of unknown length',
    changes: { scheduler: '{ kind: hyperband }' },
    says: { path: 'steps.search.scheduler.max', message: '"max" is missing' },
  },
  {
    what: 'a first rung at the end of training',
    changes: { epochs: '3', scheduler: '{ kind: asha, resource: epochs, min: 3 }' },
    says: { path: 'steps.search.scheduler.min', expected: 'less than 3' },
  },
  {
    what: 'a population of more members than there may be trials',
    changes: { scheduler: POPULATION, n_trials: '3', ...CONSTANT },
    says: { path: 'steps.search.n_trials', expected: 'at least 4; forks count as trials too' },
  },
  {
    what: 'a population that is never compared',
    changes: { scheduler: POPULATION, epochs: '2', ...CONSTANT },
    says: { path: 'steps.search.scheduler.interval', expected: 'less than 2' },
  },
  {
    what: 'a population whose learning rates depend on where training ends',
    changes: { scheduler: POPULATION, epochs: '9' },
    says: { path: 'steps.search.fixed.learning_rate_schedule', expected: 'constant', found: '"cosine, the default"' },
  },
  {
    what: 'a population of which nothing can change',
    changes: { scheduler: POPULATION, epochs: '9', space: '{ hidden_units: { type: categorical, choices: [[8], [16]] } }', ...CONSTANT },
    says: { path: 'steps.search.scheduler.mutate', found: 'hidden_units' },
  },
  {
    what: 'a mistyped parameter that is to change',
    changes: { scheduler: '{ kind: pbt, population: 4, interval: 2, mutate: [rat] }', epochs: '9', ...CONSTANT },
    says: { path: 'steps.search.scheduler.mutate', hint: 'did you mean rate?' },
  },
  {
    what: 'replicates of a population',
    changes: { scheduler: POPULATION, epochs: '9', replicates: '{ seeds: 3, of: 2 }', ...CONSTANT },
    says: { path: 'steps.search.replicates', hint: 'leave out replicates or scheduler' },
  },
  {
    what: 'a field under both of its names',
    changes: { trials: '4' },
    says: { path: 'steps.search.trials', hint: 'leave trials out' },
  },
];

describe('a search is refused before its first training', () => {
  test.each(CASES)('$what', async ({ changes, says }) => {
    const problems = await problemsOf(search(changes));
    expect(problems).toContainEqual(expect.objectContaining(says));
    expect(problems.every(({ line }) => line !== undefined)).toBe(true);
  });

  test('but not for what only its own trainer knows', async () => {
    const changes = {
      ...OWN,
      objective: '{ metric: f1_of_churn, direction: maximize }',
      pruner: '[{ kind: divergence, metric: train/loss }]',
    };
    await expect(compileText(search(changes))).resolves.toBeDefined();
  });

  test('nor for what early evaluation computes by SQL of its own', async () => {
    const early =
      '{ table: "d.t", features: "{storage}/f.json", data: "{storage}/v", customMetrics: [{ inline: "SELECT AVG(score) AS mean FROM {scores}" }] }';
    await expect(
      compileText(search({ objective: '{ metric: offline.mean, direction: maximize }', earlyEvaluation: early })),
    ).resolves.toBeDefined();
  });
});

describe('the names of 0.1', () => {
  const OLD = search({
    objective: '{ metric: validation_mrr, goal: maximize }',
    alsoOptimize: '[{ metric: loss, goal: minimize }]',
    stopping: '[{ kind: asha, reductionFactor: 3 }, { kind: patience, steps: 2 }]',
  }).replace('n_trials:', 'trials:');
  const NEW = OLD.replaceAll('goal:', 'direction:')
    .replace('trials:', 'n_trials:')
    .replace('stopping:', 'pruner:')
    .replace('reductionFactor:', 'reduction_factor:');

  test('make the same run document as those of now', async () => {
    await using made = await project({ 'old.yaml': OLD, 'now.yaml': NEW });
    const [old, now] = await Promise.all([made.compile({}, 'old.yaml'), made.compile({}, 'now.yaml')]);
    expect(stepOf(now, 'search', 'search').spec).toEqual(stepOf(old, 'search', 'search').spec);
    expect(stepOf(old, 'search', 'search').spec).toMatchObject({
      objective: { metric: 'validation_mrr', goal: 'maximize' },
      trials: 4,
      stopping: [{ kind: 'asha', reductionFactor: 3 }, { kind: 'patience' }],
    });
  });

  test.each([
    ['old', 'new', OLD, 'n_trials: 9'],
    ['new', 'old', NEW, 'trials: 9'],
  ])('can be mixed by extending: an %s file by one with %s names', async (_base, _over, base, field) => {
    await using made = await project({
      'base.yaml': base,
      'pipeline.yaml': `extends: base.yaml\nsteps:\n  search:\n    ${field}\n    pruner: { kind: median }\n`,
    });
    const { spec } = stepOf(await made.compile(), 'search', 'search');
    expect(spec.trials).toBe(9);
    expect(spec.stopping.map(({ kind }) => kind)).toEqual(['median']);
  });

  test.each(['factor', 'reduction_factor'])('say how many a scheduler lets go on: %s', async (name) => {
    const document = await compileText(search({ scheduler: `{ kind: asha, ${name}: 3 }` }));
    expect(stepOf(document, 'search', 'search').spec.scheduler).toMatchObject({ kind: 'asha', factor: 3 });
  });

  test.each(['trials', 'n_trials'])('can be set on the command line: %s', async (name) => {
    for (const text of [OLD, NEW]) {
      const document = await compileText(text, { set: [`steps.search.${name}=7`] });
      expect(stepOf(document, 'search', 'search').spec.trials).toBe(7);
    }
  });
});

describe('scheduler: { kind: pbt }', () => {
  const specOf = async (changes: Readonly<Record<string, string>>): Promise<SearchSpec> =>
    stepOf(await compileText(search({ epochs: '9', scheduler: POPULATION, ...CONSTANT, ...changes })), 'search', 'search').spec;

  test('changes what a checkpoint of the reference trainer fits, and anything of a trainer of one’s own', async () => {
    const space = '{ rate: { type: float, low: 0, high: 1 }, optimizer: { type: categorical, choices: [adam, sgd] } }';
    expect((await specOf({ space })).scheduler).toMatchObject({
      kind: 'pbt',
      quantile_fraction: 0.25,
      explore: 'perturb',
      mutate: ['rate'],
    });
    expect((await specOf({ space, ...OWN })).scheduler).not.toHaveProperty('mutate');
  });
});

describe('scheduler: { kind: auto }', () => {
  const specOf = async (changes: Readonly<Record<string, string>>): Promise<SearchSpec> =>
    stepOf(await compileText(search({ n_trials: '20', epochs: '9', scheduler: '{ kind: auto }', ...changes })), 'search', 'search').spec;

  test('is decided when compiling, and the document says why', async () => {
    const { scheduler, schedulerChoice } = await specOf({});
    expect(scheduler).toMatchObject({ kind: 'asha', resource: 'points', promote: true });
    expect(schedulerChoice).toBe('asha, for 20 trials of 9 points');
    expect(await specOf({ validateEverySteps: '7' })).toMatchObject({ scheduler: { resource: 'epochs' } });
    expect(await specOf({ epochs: '1', scheduler: '{ kind: auto, resource: seconds, max: 900, reduction_factor: 3 }' })).toMatchObject({
      scheduler: { kind: 'asha', resource: 'seconds', max: 900, factor: 3 },
    });
  });

  test.each([
    ['few trials', { n_trials: '11' }, '11 trials are fewer than 12'],
    ['short training', { epochs: '3' }, 'training has 3 points'],
    ['several objectives', { alsoOptimize: '[{ metric: loss, direction: minimize }]' }, 'one objective'],
    ['a pruner of rungs', { pruner: '[{ kind: asha }]' }, 'the pruner asha'],
  ])('is none for %s', async (_what, changes, why) => {
    const { scheduler, schedulerChoice } = await specOf(changes);
    expect(scheduler).toBeUndefined();
    expect(schedulerChoice).toContain(why);
  });
});

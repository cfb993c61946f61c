import { expect, test } from 'vitest';
import { migrate } from '../../../src/compile/migrate.ts';

const BEFORE = `# ours
version: 1
name: trials   # not a field
params: { trials: 3, goal: up }
steps:
  stopping: { kind: script, file: a.py, inputs: { goal: 1, trials: 2 } }
  search:
    kind: search
    'trials':   '{params.trials}'   # as many as it takes
    objective: { metric: goal, goal: maximize }   # the goal
    alsoOptimize:
      - goal: minimize
        metric: trials
    stopping:
      # aggressive
      - { kind: asha, reductionFactor: 3 }
      - kind: hyperband
        reductionFactor: 4
        maxResource: 27
    scheduler: { kind: asha, factor: 3 }
onExit:
  again: { kind: search, trials: 1 }
`;
const AFTER = BEFORE.replace("'trials':   ", "'n_trials':   ")
  .replace('goal, goal: maximize', 'goal, direction: maximize')
  .replace('- goal: minimize', '- direction: minimize')
  .replace('    stopping:\n', '    pruner:\n')
  .replaceAll('reductionFactor', 'reduction_factor')
  .replace('asha, factor', 'asha, reduction_factor')
  .replace('search, trials: 1', 'search, n_trials: 1');

test('renames the fields of searches and nothing else, where they stand', () => {
  const { text, changes } = migrate(BEFORE);
  expect(text).toBe(AFTER);
  expect(changes.map(({ line, old }) => [line, old])).toEqual([
    [9, 'trials'],
    [10, 'goal'],
    [12, 'goal'],
    [14, 'stopping'],
    [16, 'reductionFactor'],
    [18, 'reductionFactor'],
    [20, 'factor'],
    [22, 'trials'],
  ]);
});

test('changes nothing a second time', () => {
  expect(migrate(AFTER)).toEqual({ text: AFTER, changes: [] });
});

test('changes the search of a file that extends another, which does not repeat the kind', () => {
  expect(migrate('extends: base.yaml\nsteps:\n  s: { trials: 2 }\n').text).toContain('{ n_trials: 2 }');
});

test.each([
  ['steps: { s: { kind: search, trials: 2, n_trials: 3 } }', /both trials and n_trials/],
  ['steps: [', /./],
])('refuses %s', (text, message) => {
  expect(() => migrate(text)).toThrow(message);
});

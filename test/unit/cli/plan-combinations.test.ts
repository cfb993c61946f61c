import { expect, it } from 'vitest';
import { combinations } from '../../../src/cli/commands/plan.ts';
import { compileText, inlineQuery, pipeline } from '../compile/project.ts';

const planned = async (weeks: number, ...more: readonly string[]): Promise<string[]> => {
  const steps = [
    inlineQuery('sessions', 'SELECT @weeks AS weeks', 'with: { weeks: "{params.weeks}" }'),
    'parts: { kind: export, table: "{steps.sessions.outputs.table}" }',
    'search: { kind: search, command: [python, train.py], data: { train: "{steps.parts.outputs.uri}" }, n_trials: 4,',
    '  objective: { metric: score, direction: maximize }, space: { weeks: { type: param, choices: [4, 8] } } }',
  ];
  steps.push(...more);
  return combinations(await compileText(pipeline(steps.join('\n'), `params: { weeks: ${weeks} }`)));
};

it('says how many times a step is made for a search that chooses params, the param as it is among them', async () => {
  expect(await planned(12)).toEqual(['sessions is made 2 times, with weeks 4; weeks 8', 'parts is made 2 times, with weeks 4; weeks 8']);
  expect(await planned(8)).toEqual([
    'sessions is made 2 times, as it is, and with weeks 4',
    'parts is made 2 times, as it is, and with weeks 4',
  ]);
  const after =
    'tell: { kind: container, image: "tell:1", command: [tell], inputs: { of: "{steps.parts.outputs.rows}", why: "{steps.search.outputs.best_trial}" } }';
  expect(await planned(12, after)).toContain('parts is made 2 times, with weeks 4; weeks 8');
  expect(await planned(8, after)).toContain('parts is made 2 times, with weeks 4; weeks 8');
});

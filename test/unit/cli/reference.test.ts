import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { factsOf } from '../../../src/cli/commands/compare.ts';
import { curvesOf } from '../../../src/cli/commands/curves.ts';
import { outputOf } from '../../../src/cli/commands/open.ts';
import { CompareOutput, CurvesOutput, ReportOutput, StatusOutput, TrialsOutput } from '../../../src/cli/output-schemas.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { OVERVIEW_FILE, REFERENCE_FILE, overview, reference } from '../../../src/cli/reference.ts';
import { withLiveTrials } from '../../../src/cli/run-data.ts';
import { reportJson } from '../../../src/report/index.ts';
import { makeRun } from '../../support/run-data.ts';

const program = await createProgram();

describe('docs/cli.md', () => {
  it('says what --help says; `npm run reference` writes it', async () => {
    expect(readFileSync(REFERENCE_FILE, 'utf8')).toBe(await reference());
    expect(readFileSync(OVERVIEW_FILE, 'utf8')).toBe(await overview());
  });

  /** Those that do something; the others only lead to them. */
  const leaves = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(leaves));

  it.each(leaves(program).filter((command) => command.name() !== 'help'))('longhaul $_name has a description and examples', (command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(command.description()).not.toBe('');
    expect(help).toMatch(/Examples:\n {2}\$ \S/);
    for (const option of command.options) expect(option.description, option.flags).not.toBe('');
  });
});

it('curves of several steps are told apart: each has a trial 0', () => {
  const point = (step: string, n: number, loss: number) => ({
    ...{ pipeline: 'p', run: 'r', time: '2026-12-01T00:00:00Z', step, trial: 0, n, samples: n },
    metrics: JSON.stringify({ loss }),
  });
  expect(curvesOf([point('b', 1, 3), point('a', 1, 1), point('a', 2, 2)], 'loss', [])).toEqual([
    { name: 'a, trial 0', step: 'a', trial: 0, points: [[1, 1], [2, 2]] },
    { name: 'b, trial 0', step: 'b', trial: 0, points: [[1, 3]] },
  ]); // prettier-ignore
});

describe('--output json', () => {
  const running = makeRun({ stage: 'running' });
  const ended = makeRun();

  it('has the documented shapes', () => {
    for (const made of [running, ended]) {
      const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
      StatusOutput.parse(written({ run: made.run, searches: made.searches }));
      TrialsOutput.parse(written(withLiveTrials(made)));
      CurvesOutput.parse(written({ metric: 'loss', series: curvesOf(made.progress, 'loss', []) }));
      CompareOutput.parse(written([factsOf(made)]));
      ReportOutput.parse(written(reportJson(made)));
    }
  });

  it('lists trials that run beside those that ended', () => {
    const rows = withLiveTrials(running);
    expect(rows.map((row) => row.trial)).toEqual(running.searches.search!.trials.map((trial) => trial.trial));
    expect(rows.filter((row) => row.status === 'running')).toHaveLength(4);
  });

  it('lets a trial that another run ended, and this one took over, have ended then', () => {
    const over = running.searches.search!.trials.find(({ status }) => status === 'running')!;
    const [startedAt, endedAt] = [running.now - 900_000, running.now - 600_000];
    const trials = [{ ...over, status: 'succeeded' as const, startedAt, endedAt }];
    const [row] = withLiveTrials({ ...running, trials: [], searches: { search: { ...running.searches.search!, trials } } });
    expect(row).toMatchObject({ ended_at: new Date(endedAt).toISOString(), seconds: 300 });
  });

  it('finds the prefix of the curves before a search has ended, and after', () => {
    expect(outputOf(running)).toBe('file:///data/grocery-ranking/search/3f2a91c04b7d');
    expect(outputOf(ended)).toBe('file:///data/grocery-ranking/search/3f2a91c04b7d');
    expect(outputOf({ run: { ...running.run, steps: [] }, searches: {} })).toBeNull();
  });
});

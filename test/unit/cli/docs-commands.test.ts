import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';

const program = await createProgram();

/** Pages whose commands are written for a quick look, and not run one by one. */
const PAGES = ['commands.md', 'upgrade.md'];

const linesOf = (page: string): string[] =>
  [...readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8').matchAll(/`longhaul ([^`]+)`/g)].map(([, line = '']) => line);

/** What it does not know of a line: a command, or an option. */
function unknown(line: string, program: Command): string[] {
  const words = line.split(' ');
  let command = program;
  for (const word of words) command = command.commands.find((each) => each.name() === word) ?? command;
  if (command === program) return [line];
  const known = [...command.options, ...program.options].flatMap(({ long, short }) => [long, short]);
  return words.filter((word) => word.startsWith('-') && !known.includes(word));
}

it.each(PAGES)('docs/%s names only commands and options that there are', (page) => {
  const lines = linesOf(page);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.flatMap((line) => unknown(line, program))).toEqual([]);
});

it('tells of a command or an option that there is not', () => {
  expect(unknown('strat pipeline.yaml', program)).toEqual(['strat pipeline.yaml']);
  expect(unknown('status RUN --wach', program)).toEqual(['--wach']);
});

import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WITH_VALUE, commandWord } from '../../../bin/command-word.mjs';
import { asksForJson } from '../../../src/cli/asks-for-json.ts';
import { reportFile } from '../../../src/cli/commands/report.ts';
import { assignments, jsonArgument } from '../../../src/cli/context.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { checkRunName, checkScheduleName } from '../../../src/contract/run-names.ts';
import { InvalidInputError } from '../../../src/contract/errors.ts';
import { Longhaul } from '../../../src/client/index.ts';
import { differences } from '../../../src/present/differences.ts';
import { makeRun } from '../../support/run-data.ts';

const BAD = ['', '..', '../../elsewhere', 'a/b', 'grün', 'two words', '-x', '.hidden', 'x'.repeat(200), 'a\nb', 'a\0b', '%2e%2e'];

describe('the name of a run', () => {
  it.each(BAD)('%j is bad input, told shortly, and no server is asked', async (name) => {
    const longhaul = Object.create(Longhaul.prototype) as Longhaul;
    const started = longhaul.start(makeRun().document, { runId: name });
    const error = await started.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(exitCodeOf(error)).toBe(2);
    expect((error as Error).message.length).toBeLessThan(250);
  });

  it.each(BAD)('%j is refused by the command before anything is compiled', async (runId) => {
    const program = await createProgram();
    const asked = program.parseAsync(['node', 'longhaul', 'run', 'not-there.yaml', `--run-id=${runId}`]);
    await expect(asked).rejects.toThrow('--run-id: no name for a run');
  });

  it.each(['nightly', 'constructor', '2026-11-29', 'a.b_c-d', 'x'.repeat(120)])('%s is fine', (name) => {
    expect(() => checkRunName(name, 'run id')).not.toThrow();
  });

  it.each(BAD)('%j, which others gave at the server, leads to no file elsewhere', (name) => {
    expect(relative('.longhaul', reportFile(name))).toMatch(/^[^/]+\/[A-Za-z0-9-]{1,80}\.html$/);
  });
});

describe('the name of a schedule', () => {
  it.each([...BAD, 'x'.repeat(110)])('%j is refused: runs could not be called so', (name) => {
    expect(() => checkScheduleName(name)).toThrow(InvalidInputError);
  });
});

describe('global options before the command', () => {
  it.each([
    [['-o', 'json', 'compile', 'p.yaml'], 'compile'],
    [['--temporal-profile', 'plan', 'run', 'p.yaml'], 'run'],
    [['--output=json', '--no-color', 'list'], 'list'],
    [['--output', 'json'], undefined],
  ])('%j', (args, command) => expect(commandWord(args)).toBe(command));

  it('are all known to the launcher', async () => {
    const { options } = await createProgram();
    const valued = options.filter(({ required, optional }) => required || optional);
    expect(
      valued
        .flatMap(({ short, long }) => [short, long])
        .filter(Boolean)
        .sort(),
    ).toEqual([...WITH_VALUE].sort());
  });

  it.each([
    [['-o', 'json', 'list'], true],
    [['list', '-ojson'], true],
    [['list', '--output=json'], true],
    [['list', '-o', 'text', '--output', 'json'], true],
    [['list', '-o', 'text'], false],
    [['json', 'list'], false],
  ])('%j asks for JSON: %j', (args, json) => expect(asksForJson(args)).toBe(json));
});

describe('what changed between two documents', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('tells that %s was not there', (name) => {
    const withIt = JSON.parse(`{"params":{"${name}":3}}`) as { params: Record<string, number> };
    expect(differences({ params: {} }, withIt)).toEqual([{ path: `params.${name}`, before: undefined, after: 3 }]);
    expect(differences(withIt, { params: {} })).toEqual([{ path: `params.${name}`, before: 3, after: undefined }]);
  });
});

describe('numbers that no JSON can tell again', () => {
  it.each(['1e999', '-1e999', '[1, 2e400]', '{"low": 0, "high": 1e309}'])('%s is refused', (text) => {
    expect(() => assignments([`learning_rate=${text}`])).toThrow('finite');
    expect(() => jsonArgument(text)).toThrow('finite');
  });

  it('are still texts, and numbers that can be told are taken', () => {
    expect(assignments(['a=1e300', 'b=inf', 'constructor=1', 'c=[1,{"d":null}]'])).toEqual({
      a: 1e300,
      b: 'inf',
      constructor: 1,
      c: [1, { d: null }],
    });
  });
});

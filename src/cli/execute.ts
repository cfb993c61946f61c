/** The command that `process.argv` names, whose failure is told and becomes the exit code of this process. */
import { CommanderError } from 'commander';
import { commandWord } from '../../bin/command-word.mjs';
import { asksForJson } from './asks-for-json.ts';
import { EXIT, report } from './exit.ts';
import { createOverview, createProgram } from './program.ts';
import { openTerminal } from './terminal.ts';

/** @returns whether it failed, so that whatever is still open must not keep the process alive */
export async function execute(): Promise<boolean> {
  if (process.argv.includes('--no-color')) process.env.NO_COLOR = '1';
  const terminal = openTerminal();
  const json = asksForJson(process.argv);
  try {
    const word = commandWord(process.argv.slice(2));
    const program = word === undefined ? createOverview() : await createProgram(word);
    await program.parseAsync(process.argv);
    return false;
  } catch (error) {
    process.exitCode = report(error, terminal, json);
    return !(error instanceof CommanderError) && process.exitCode !== EXIT.ok;
  }
}

/** The command `longhaul`. */
import { CommanderError } from 'commander';
import { asksForJson } from './asks-for-json.ts';
import { EXIT, report } from './exit.ts';
import { createProgram } from './program.ts';
import { openTerminal } from './terminal.ts';

async function main(): Promise<void> {
  if (process.argv.includes('--no-color')) process.env.NO_COLOR = '1';
  const terminal = openTerminal();
  const json = asksForJson(process.argv);
  try {
    await createProgram().parseAsync(process.argv);
  } catch (error) {
    process.exitCode = report(error, terminal, json);
    // A connection or a server that is still open must not keep a failed command alive.
    if (!(error instanceof CommanderError) && process.exitCode !== EXIT.ok) setImmediate(() => process.exit());
  }
}

await main();

/** A command that starts runs finds the servers and the Python that they need, also where nothing was set up before. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WITH_PYTHON } from '../../../bin/command-word.mjs';

const COMMANDS = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'commands');
const STARTS = /from '\.\.\/(begin-run|start-compiled|run-to-end)\.ts'/;

it('is set up for', () => {
  const starting = readdirSync(COMMANDS).filter((file) => STARTS.test(readFileSync(join(COMMANDS, file), 'utf8')));
  expect(starting.length).toBeGreaterThan(3);
  expect(starting.map((file) => file.replace('.ts', '')).filter((command) => !WITH_PYTHON.has(command))).toEqual([]);
});

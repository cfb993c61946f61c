/** `npm run bench -- launch [--json]`: how long until the first step runs, and what the interpreter of a pipeline costs for each step. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureFirstStep } from './launch/first-step.ts';
import { measureOverhead } from './launch/overhead.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values } = commandLine({
  call: 'npm run bench -- launch',
  about: 'How long until the first step runs, and what the interpreter costs a step.',
  options: {
    json: JSON_OPTION,
  },
});

const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
try {
  for (const name of ['first', 'overhead']) mkdirSync(join(folder, name));
  const result = { first_step_s: await measureFirstStep(join(folder, 'first')), ...(await measureOverhead(join(folder, 'overhead'))) };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(18)} ${value}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * `npm run bench -- googlesql [--json] [--cases FILE] [--results FILE] [--only WORD]`: statements of GoogleSQL with known answers through the checker
 * and the embedded warehouse, as a `query` step runs them. Without FILE these are our own, in bench/googlesql/cases; tables lie in `tables/`
 * beside FILE. `--results` writes a line for each case: what came out, what was expected and why it counts as it does.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { countOutcomes, readCases, tablesBeside } from './googlesql/cases.ts';
import type { Case, Outcome } from './googlesql/cases.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const PROCESSES = 2;
const { values } = commandLine({
  call: 'npm run bench -- googlesql',
  about: 'GoogleSQL of cases with known answers, on the embedded warehouse.',
  options: {
    json: JSON_OPTION,
    cases: { type: 'string', default: join(import.meta.dirname, 'googlesql', 'cases'), value: 'DIR', about: 'folder of cases' },
    results: { type: 'string', value: 'FILE', about: 'where each outcome is written' },
    only: { type: 'string', value: 'TEXT', about: 'only cases whose id or statement has this text' },
  },
});

/** Runs the cases in a process of its own; one that dies is a crash of the case that it was at, and the next process goes on behind it. */
async function outcomesOf(cases: readonly Case[], folder: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < cases.length) {
    const rest = cases.slice(outcomes.length);
    const input = join(folder, 'cases.json');
    writeFileSync(input, JSON.stringify(rest));
    const before = outcomes.length;
    const ending = await new Promise<string>((done) => {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'googlesql', 'worker.ts'), input, tables, join(folder, `work-${before}`)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let text = '';
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (chunk: string) => {
        const lines = (text + chunk).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) outcomes.push(JSON.parse(line) as Outcome);
      });
      child.on('close', (code, signal) => done(signal ?? `code ${code}`));
    });
    const fatal = cases[outcomes.length];
    if (fatal) outcomes.push({ id: fatal.id, stage: 'crash', error: { message: `the process ended with ${ending}` } });
  }
  return outcomes;
}

const tables = tablesBeside(resolve(values.cases));
const only = values.only;
const cases = readCases(resolve(values.cases)).filter(({ id, sql }) => only === undefined || id.includes(only) || sql.includes(only));
const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-googlesql-'));
try {
  const shares = Array.from({ length: PROCESSES }, (_, i) => cases.filter((_case, number) => number % PROCESSES === i));
  const outcomes = await Promise.all(shares.map((share, i) => outcomesOf(share, mkdtempSync(join(folder, `process-${i}-`)))));
  const counts = await countOutcomes(cases, outcomes.flat(), folder, values.results === undefined ? undefined : resolve(values.results));
  for (const [kind, number] of Object.entries(counts.kinds)) process.stderr.write(`${String(number).padStart(6)} ${kind}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify(counts.result)}\n`);
  else for (const [name, value] of Object.entries(counts.result)) process.stdout.write(`${name.padEnd(26)} ${value}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

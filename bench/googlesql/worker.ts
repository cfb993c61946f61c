/** `worker.ts CASES.json TABLES WORK`: runs each case as a `query` step would and prints a line for its outcome. */
import { readFileSync } from 'node:fs';
import { runCases } from './run-cases.ts';
import type { Case } from './cases.ts';

const [casesFile, tables, work] = process.argv.slice(2) as [string, string, string];
await runCases(JSON.parse(readFileSync(casesFile, 'utf8')) as Case[], tables, work, (outcome) =>
  process.stdout.write(`${JSON.stringify(outcome)}\n`),
);

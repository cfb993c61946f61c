/** Committed records of suites that are not part of the whole: when they were run, and how it ended. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { summaryLine, type Counts } from './counts.ts';

interface Record {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly commit: string;
  /** As `npm test` prints it. */
  readonly counts: string;
}

const fileOf = (suite: string): string => join(import.meta.dirname, 'records', `${suite}.json`);

export async function writeRecord(suite: string, counts: Counts): Promise<void> {
  const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname });
  const record: Record = { date: new Date().toISOString().slice(0, 10), commit: stdout.trim(), counts: summaryLine(counts) };
  await mkdir(join(import.meta.dirname, 'records'), { recursive: true });
  await writeFile(fileOf(suite), `${JSON.stringify(record, null, 2)}\n`);
}

/** In words. */
export async function readRecord(suite: string): Promise<string> {
  if (!existsSync(fileOf(suite))) return 'never recorded';
  const { date, commit, counts } = JSON.parse(await readFile(fileOf(suite), 'utf8')) as Record;
  return `recorded on ${date} at ${commit}: ${counts}`;
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import { fileNameOf } from '../files.ts';

/** Where things lie in the directory of an embedded warehouse. README.md in this folder says why. */
export interface Layout {
  readonly root: string;
  readonly temporary: string;
  table(name: string): string;
  tableLock(name: string): string;
  jobRecord(jobId: string): string;
  jobLock(jobId: string): string;
  exportLock(destination: string): string;
  ledger(table: string): string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    temporary: join(root, 'tmp'),
    table: (name) => join(root, 'tables', tableDirectory(name)),
    tableLock: (name) => join(root, 'locks', `table-${tableDirectory(name)}.sqlite`),
    jobRecord: (jobId) => join(root, 'jobs', `${safeName(jobId)}.json`),
    jobLock: (jobId) => join(root, 'locks', `job-${safeName(jobId)}.sqlite`),
    exportLock: (destination) => join(root, 'locks', `export-${digest(destination)}.sqlite`),
    ledger: (table) => join(root, 'ledger', table),
  };
}

export const safeName = (text: string): string => fileNameOf(text, digest);

function digest(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 24);
}

const TABLE = /^(?:[A-Za-z0-9_-]+\.){1,2}[A-Za-z0-9_-]+$/;
const MAX_TABLE_CHARACTERS = 220;

function tableDirectory(name: string): string {
  if (!TABLE.test(name) || name.length > MAX_TABLE_CHARACTERS) {
    throw new AdapterError(
      'InvalidInput',
      `table "${name}": expected dataset.table or project.dataset.table of letters, digits, _ and -, at most ${MAX_TABLE_CHARACTERS} characters`,
    );
  }
  return name;
}

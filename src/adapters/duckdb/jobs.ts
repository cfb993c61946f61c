import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JobContext } from '../../ports/warehouse.ts';
import { hasCode } from '../files.ts';
import { lock, tryLock } from '../kernel-lock.ts';
import { replaceFile } from '../temporaries.ts';
import type { Layout } from './layout.ts';

interface JobRecord<T> {
  readonly jobId: string;
  readonly endedAt: string;
  readonly result: T;
}

/**
 * One job of an id, however many processes ask for it: the first runs it, the others wait and get its result. A runner that dies lets go
 * of the lock, and the next in line runs it again; a failure is not kept.
 */
export async function runOnce<T>(
  layout: Layout,
  jobId: string,
  context: JobContext,
  job: {
    /** The recorded result if it is still there, else null. */
    readonly adopt: (result: T) => Promise<T | null>;
    readonly run: () => Promise<T>;
  },
): Promise<T> {
  const lockFile = layout.jobLock(jobId);
  let held = tryLock(lockFile);
  if (!held) {
    context.progress({ stage: 'waiting for the same job in another process', job: jobId });
    held = await lock(lockFile, { signal: context.signal });
  }
  try {
    const record = await readRecord<T>(layout.jobRecord(jobId));
    const adopted = record && (await job.adopt(record.result));
    if (adopted) return adopted;
    context.progress({ stage: 'started', job: jobId });
    const result = await job.run();
    await mkdir(dirname(layout.jobRecord(jobId)), { recursive: true });
    const made: JobRecord<T> = { jobId, endedAt: new Date().toISOString(), result };
    await replaceFile(layout.jobRecord(jobId), JSON.stringify(made), layout.temporary);
    return result;
  } finally {
    held.release();
  }
}

async function readRecord<T>(path: string): Promise<JobRecord<T> | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as JobRecord<T>;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

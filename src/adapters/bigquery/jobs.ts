import type { JobMetadata } from '@google-cloud/bigquery';
import type { JobContext } from '../../ports/warehouse.ts';
import { faultOf } from '../google/faults.ts';
import { DEFAULT_RETRY, pause, withRetries } from '../google/retry.ts';
import type { Client } from './client.ts';
import { isTransientJob, JobFailure } from './errors.ts';
import { withSettings, type JobConfiguration } from './settings.ts';
import { GRACES, WAITS } from '../../rules/durations.ts';

export type JobResource = JobMetadata;

export interface JobRequest {
  /** Deterministic. The n-th attempt after failures has the id `ID-n`. */
  readonly id: string;
  readonly configuration: JobConfiguration;
  /** How the job is started, if not by its configuration alone, e.g. with an upload. */
  readonly start?: (id: string, configuration: JobConfiguration) => Promise<JobResource>;
  /** Whether what a finished job of this id made is still there; false makes it again. */
  readonly stillThere?: (job: JobResource) => Promise<boolean>;
}

export interface EndedJob {
  readonly id: string;
  readonly job: JobResource;
}

const POLL_GROWTH = 1.5;
/** Attempts that ended badly are remembered by BigQuery; so many are looked at. */
const MAX_ATTEMPTS = 200;

/**
 * Runs a job of a deterministic id to its end: the first caller starts it, every other one, also after a crash, adopts it. A job that
 * failed cannot be run again under its id, so attempts are numbered; one that failed of BigQuery's own fault is tried again here.
 *
 * @throws JobFailure, the signal's reason
 */
export async function runJob(client: Client, request: JobRequest, context: JobContext): Promise<EndedJob> {
  let faults = 0;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    context.signal.throwIfAborted();
    const id = attempt === 1 ? request.id : `${request.id}-${attempt}`;
    const started = await startOrAdopt(client, id, request);
    const adopted = started.adopted && started.job.status?.state === 'DONE';
    const job = adopted ? started.job : await untilDone(client, id, started.job, context);
    const error = job.status?.errorResult;
    if (!error) {
      if (!started.adopted || !request.stillThere || (await request.stillThere(job))) return { id, job };
      continue;
    }
    // What failed before this call is history: the caller asked for another try.
    if (adopted) continue;
    const failure = new JobFailure(id, error);
    if (!isTransientJob(failure) || ++faults >= DEFAULT_RETRY.tries) throw failure;
    context.progress({ stage: `again after: ${failure.message}`, job: id });
    await pause(Math.min(DEFAULT_RETRY.maxDelayMs, DEFAULT_RETRY.firstDelayMs * 2 ** faults) * (0.5 + Math.random() / 2), context.signal);
  }
  throw new JobFailure(request.id, { reason: 'invalid', message: `${MAX_ATTEMPTS} jobs of the id ${request.id} have failed` });
}

/** Inserting under a given id is safe to repeat: the second time it is there (409), and that is success. */
async function startOrAdopt(
  client: Client,
  id: string,
  { configuration, start }: JobRequest,
): Promise<{ readonly adopted: boolean; readonly job: JobResource }> {
  const { bigquery, config } = client;
  try {
    const settled = withSettings(config, configuration);
    const insert = async (): Promise<JobResource> =>
      (await bigquery.createJob({ jobId: id, location: config.location, configuration: settled }))[1];
    return { adopted: false, job: await withRetries(() => start?.(id, settled) ?? insert()) };
  } catch (error) {
    const failed = failedJob(error);
    if (failed) return { adopted: false, job: failed };
    if (!isDuplicate(error, id)) throw error;
    return { adopted: true, job: await getJob(client, id) };
  }
}

/** BigQuery answers 409; the emulator lets two inserts at the same moment race to its own table of jobs. */
const isDuplicate = (error: unknown, id: string): boolean => {
  const { status, message } = faultOf(error);
  return status === 409 || (/duplicate key/i.test(message) && message.includes(id));
};

/** The client throws for a job that was made and has failed at once; its resource is in the error. */
function failedJob(error: unknown): JobResource | null {
  const { response } = error as { response?: JobResource };
  return response?.jobReference && response.status ? response : null;
}

async function getJob({ bigquery, config }: Client, id: string): Promise<JobResource> {
  const answer = await withRetries(() => bigquery.job(id, { location: config.location }).getMetadata());
  return answer[0] as JobResource;
}

async function untilDone(client: Client, id: string, started: JobResource, context: JobContext): Promise<JobResource> {
  let job = started;
  let delay = WAITS.warehouseJobLookFirstMs;
  try {
    for (;;) {
      tell(id, job, context);
      if (job.status?.state === 'DONE') return job;
      await pause(delay, context.signal);
      delay = Math.min(WAITS.warehouseJobLookLongestMs, delay * POLL_GROWTH);
      job = await getJob(client, id);
    }
  } catch (error) {
    if (context.signal.aborted) await cancel(client, id);
    throw error;
  }
}

/** Of the worker's own jobs: later attempts, and the parts of an export, have ids that begin with the job's. */
export async function cancelJobs(client: Client, id: string): Promise<void> {
  const [jobs] = await withRetries(() => client.bigquery.getJobs({ stateFilter: ['pending', 'running'] }));
  const ours = jobs.flatMap((job) => (job.id?.startsWith(id) ? [job.id] : []));
  await Promise.all(ours.map((each) => cancel(client, each)));
}

/** Asks for the end and waits for it, so that nothing is written after the caller was told. */
async function cancel(client: Client, id: string): Promise<void> {
  const { bigquery, config } = client;
  await withRetries(() => bigquery.job(id, { location: config.location }).cancel());
  const deadline = performance.now() + GRACES.warehouseJobCancelMs;
  for (
    let delay = WAITS.warehouseJobLookFirstMs;
    performance.now() < deadline;
    delay = Math.min(WAITS.warehouseJobLookLongestMs, delay * POLL_GROWTH)
  ) {
    if ((await getJob(client, id)).status?.state === 'DONE') return;
    await pause(delay);
  }
}

function tell(id: string, job: JobResource, context: JobContext): void {
  const { statistics, status } = job;
  const stages = statistics?.query?.queryPlan ?? [];
  const done = stages.filter((stage) => stage.status === 'COMPLETE').length;
  const running = stages.find((stage) => stage.status === 'RUNNING')?.name;
  const stage = running ?? (status?.state ?? 'PENDING').toLowerCase();
  context.progress({
    stage,
    job: id,
    ...(stages.length > 0 ? { done: done / stages.length } : {}),
    ...numbers({
      slotMs: statistics?.totalSlotMs ?? statistics?.query?.totalSlotMs,
      bytes: statistics?.query?.totalBytesBilled ?? statistics?.totalBytesProcessed,
    }),
  });
}

function numbers(given: { readonly slotMs: unknown; readonly bytes: unknown }): { slotMs?: number; bytes?: number } {
  const known = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(known.map(([name, value]) => [name, Number(value)]));
}

/** For work that nothing else waits for. */
export const NO_CONTEXT: JobContext = { signal: new AbortController().signal, progress: () => undefined };

/** Follows the learning curves of a search's trials in the object store. */
import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { trialOutput } from '../src/contract/ids.ts';
import type { CurveInput, CurvePoint, CurvePoints } from '../src/contract/attempts.ts';
import type { TrialSummary } from '../src/contract/trial-run.ts';
import type { ProgressRecord } from '../src/contract/trial.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { retryForeign } from './foreign-systems.ts';
import { pause } from './stoppable.ts';
import type { Stoppable } from './stoppable.ts';
import { exportUri, readProgress } from './trial-files.ts';
import { WAITS } from '../src/rules/durations.ts';

const POLL_GROWTH = 1.4;
const READERS = 16;
/** Exact for the 32-bit floats that trainers mostly report, and short in histories. */
const SIGNIFICANT_DIGITS = 9;
/** Told where a metric is missing. */
const MAX_NAMES = 40;

/** Of one answer: its size is bounded, and the search judges them all within one task. The next answer has the rest. */
const MAX_NUMBERS = 20_000;
/** Of a point, besides its values. */
const NUMBERS_OF_A_POINT = 3;

interface Followed {
  readonly trial: number;
  readonly output: string;
  n: number;
}

export async function awaitPoints(store: ObjectStore, input: CurveInput, context: Stoppable): Promise<CurvePoints> {
  const upcoming = Array.from({ length: input.upcoming.count }, (_, i) => ({
    trial: input.upcoming.first + i,
    output: trialOutput(input.upcoming.output, input.upcoming.first + i),
    n: 0,
  }));
  const followed: Followed[] = [...input.trials.map((trial) => ({ ...trial })), ...upcoming];
  const found: Found = {
    points: [],
    exports: [],
    lacking: [],
    most: Math.floor(MAX_NUMBERS / (input.metrics.length + NUMBERS_OF_A_POINT)),
  };
  // Clocks that are set right must not make it wait for hours.
  const begun = performance.now();
  let firstFoundAt: number | null = null;
  let lookedAt = begun - WAITS.inheritedTrialsAskedMs + (input.lookAfterSeconds ?? 0) * 1000;
  let poll = WAITS.curveLookFirstMs;
  const ending = input.trials.flatMap(({ trial, last }) => (last === undefined ? [] : [{ trial, last }]));
  const isReadToItsEnd = (): boolean => ending.some(({ trial, last }) => followed.some((one) => one.trial === trial && one.n >= last));
  for (;;) {
    const before = followed.reduce((sum, { n }) => sum + n, 0);
    const { stop, detached } = context;
    // Trials train meanwhile: a store that refuses to be read is no reason to give them up.
    await retryForeign('the object store', () => eachOf(followed, (trial) => readOn(store, trial, input, found)), {
      until: [stop, detached],
    });
    let ended: CurvePoints['ended'] = [];
    if (input.inherited.length > 0 && performance.now() - lookedAt >= WAITS.inheritedTrialsAskedMs) {
      ended = await endedOf(input.inherited);
      lookedAt = performance.now();
    }
    const now = performance.now();
    if (found.points.length + found.exports.length > 0 || isReadToItsEnd()) firstFoundAt ??= now;
    const gathered = firstFoundAt !== null && now - firstFoundAt >= input.gatherSeconds * 1000;
    const over = now - begun > input.maxSeconds * 1000 || context.stop.aborted || context.detached.aborted;
    const full = isFull(found);
    if (gathered || full || ended.length > 0 || over) {
      const { points, exports, lacking } = found;
      const seen = followed.filter(({ n }) => n > 0).map(({ trial, n }) => [trial, n] as const);
      return { points, exports, lacking, seen, ended, ...(full ? { more: true } : {}) };
    }
    poll =
      followed.reduce((sum, { n }) => sum + n, 0) > before
        ? WAITS.curveLookFirstMs
        : Math.min(WAITS.curveLookLongestMs, poll * POLL_GROWTH);
    await pause(
      firstFoundAt === null ? poll : Math.max(WAITS.curveLookFirstMs, firstFoundAt + input.gatherSeconds * 1000 - now),
      context.stop,
      context.detached,
    );
  }
}

interface Found {
  readonly points: CurvePoint[];
  readonly exports: CurvePoints['exports'][number][];
  readonly lacking: NonNullable<CurvePoints['lacking']>[number][];
  /** Points that one answer holds. */
  readonly most: number;
}

const isFull = ({ points, exports, most }: Found): boolean => points.length + exports.length >= most;

async function readOn(store: ObjectStore, trial: Followed, input: CurveInput, found: Found): Promise<void> {
  while (!isFull(found)) {
    const record = await readProgress(store, trial.output, trial.n + 1);
    if (record === null) return;
    trial.n += 1;
    if (record === 'unreadable') continue;
    if (record.kind === 'validation') takePoint(trial, record, input, found);
    if (record.kind === 'export' && input.exports && record.name !== undefined)
      found.exports.push({ trial: trial.trial, n: trial.n, export: exportUri(trial.output, record.name), samples: record.samples });
  }
}

function takePoint({ trial, n }: Followed, record: ProgressRecord, { metrics, required = [], resource }: CurveInput, found: Found): void {
  const values = valuesOf(record, metrics);
  found.points.push(
    resource === undefined
      ? [trial, n, record.step, values]
      : [trial, n, record.step, values, resource === 'samples' ? record.samples : record.epoch],
  );
  // Beside what is no number the others may be left out: such a trial diverged.
  const missing = Object.values(record.metrics).includes(null) ? [] : required.filter((name) => !Object.hasOwn(record.metrics, name));
  if (missing.length > 0 && found.lacking.every((one) => one.trial !== trial))
    found.lacking.push({ trial, metrics: missing, found: Object.keys(record.metrics).slice(0, MAX_NAMES) });
}

function valuesOf(record: ProgressRecord, metrics: readonly string[]): (number | null)[] {
  return metrics.map((name) => {
    const value = record.metrics[name] ?? null;
    return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(SIGNIFICANT_DIGITS));
  });
}

async function endedOf(inherited: CurveInput['inherited']): Promise<CurvePoints['ended']> {
  const ends = await Promise.all(
    inherited.map(async ({ trial, workflowId }) => {
      const handle = getClient().workflow.getHandle(workflowId);
      try {
        const { name } = (await handle.describe()).status;
        if (name === 'RUNNING' || name === 'PAUSED') return [];
        return [
          {
            trial,
            summary: name === 'COMPLETED' ? ((await handle.result()) as TrialSummary) : null,
            reason: `its workflow ended as ${name.toLowerCase()}`,
          },
        ];
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return [{ trial, summary: null, reason: 'its workflow is not there any more' }];
        throw error;
      }
    }),
  );
  return ends.flat();
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: Math.min(READERS, queue.length) }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}

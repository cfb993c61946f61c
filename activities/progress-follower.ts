/** Reads a trial's progress records as they come, keeps what the attempt's end needs, and writes them to the ledger in batches. */
import type { LedgerRow } from '../src/contract/ledger.ts';
import { ledgerKey, livesOf } from '../src/contract/ids.ts';
import type { TrialInput } from '../src/contract/trial-run.ts';
import type { AttemptUse, ProgressRecord } from '../src/contract/trial.ts';
import type { ObjectStore, Warehouse } from '../src/ports/index.ts';
import { ProgressBatches, type Batch } from './progress-batches.ts';
import { readProgress } from './trial-files.ts';
import { WAITS } from '../src/rules/durations.ts';

const ROWS_PER_BATCH = 200;
/** So many records are read before what was read is noted. */
const MAX_AT_ONCE = 1000;
const MAX_METRICS = 40;

export interface Followed {
  /** Number of the last record seen. */
  lastProgress: number;
  samples: number;
  done: number | null;
  metrics: Record<string, number | null>;
  /** ms since 1970, by the trainer's clock: when this attempt began to train, if it says so, and its last record. */
  trainingFrom: number | null;
  recordedAt: number | null;
  use: AttemptUse | null;
  /** A record of this trial was ever seen: it writes some, so silence means something. */
  everSeen: boolean;
}

interface Start {
  readonly lastProgress: number;
  readonly samples: number;
  readonly flushed: number;
  /** Whom it follows: the ledger has the records of a later one as well, which says nothing of this one. Absent: whoever writes. */
  readonly attempt?: number;
}

export class ProgressFollower {
  readonly followed: Followed;
  readonly #store: ObjectStore;
  readonly #warehouse: Warehouse;
  readonly #batches: ProgressBatches;
  readonly #trial: Pick<TrialInput, 'pipeline' | 'run' | 'step' | 'trial' | 'output' | 'life'>;
  /** Hears of each record once, as the ledger does. */
  readonly #observe: (record: ProgressRecord) => void;
  readonly #attempt: number;
  #batch: LedgerRow<'progress'>[] = [];
  #batchSince = 0;
  /** Records up to here are in the ledger. */
  flushed: number;

  constructor(
    store: ObjectStore,
    warehouse: Warehouse,
    trial: Pick<TrialInput, 'pipeline' | 'run' | 'step' | 'trial' | 'output' | 'life'>,
    start: Start,
    observe: (record: ProgressRecord) => void = () => undefined,
  ) {
    this.#observe = observe;
    this.#store = store;
    this.#warehouse = warehouse;
    this.#batches = new ProgressBatches(store, trial.output);
    this.#trial = trial;
    this.#attempt = start.attempt ?? Number.POSITIVE_INFINITY;
    this.flushed = Math.max(start.flushed, start.lastProgress);
    this.followed = {
      lastProgress: start.lastProgress,
      samples: start.samples,
      done: null,
      metrics: {},
      trainingFrom: null,
      recordedAt: null,
      use: null,
      everSeen: start.lastProgress > 0,
    };
  }

  /** Reads all records that are there. */
  async readAll(): Promise<void> {
    while (await this.read());
  }

  /** Reads records that are there now, a bounded number; true if there were any. */
  async read(): Promise<boolean> {
    let some = false;
    for (let count = 0; count < MAX_AT_ONCE; count++) {
      const n = this.followed.lastProgress + 1;
      const record = await readProgress(this.#store, this.#trial.output, n);
      if (record === null) break;
      some = true;
      this.followed.lastProgress = n;
      this.followed.everSeen = true;
      if (record !== 'unreadable') this.#take(n, record);
      if (this.#batch.length >= ROWS_PER_BATCH) await this.flush();
    }
    if (this.#batch.length > 0 && performance.now() - this.#batchSince >= WAITS.ledgerBatchMs) await this.flush();
    return some;
  }

  #take(n: number, record: ProgressRecord): void {
    const isOwn = record.attempt <= this.#attempt;
    if (isOwn) this.#follow(record);
    // A beat says nothing that anybody would look up later.
    if (n <= this.flushed || record.kind === 'beat') return;
    if (isOwn) this.#observe(record);
    if (this.#batch.length === 0) this.#batchSince = performance.now();
    this.#batch.push(progressRow(this.#trial, n, record));
  }

  #follow(record: ProgressRecord): void {
    this.followed.samples = record.samples;
    this.followed.recordedAt = record.time * 1000;
    if (record.kind === 'start') this.followed.trainingFrom = record.time * 1000;
    if (record.use !== undefined) this.followed.use = record.use;
    if (record.done !== undefined) this.followed.done = record.done;
    for (const [name, value] of Object.entries(record.metrics).slice(0, MAX_METRICS)) this.followed.metrics[name] = value;
  }

  /** Writes the rows that wait, each once, whoever else follows the trial (`ProgressBatches`). */
  async flush(): Promise<void> {
    for (let first = this.#batch[0]; first; first = this.#batch[0]) {
      const wanted = { first: Number(first.n), last: this.followed.lastProgress };
      const settled = await this.#batches.settle(wanted);
      const isOwn = settled.first === wanted.first && settled.last === wanted.last;
      await this.#append(isOwn ? this.#batch : await this.#rowsOf(settled), settled);
      this.#batch = this.#batch.filter((row) => Number(row.n) > settled.last);
      this.flushed = Math.max(this.flushed, settled.last);
    }
  }

  async #append(rows: readonly LedgerRow<'progress'>[], { first, last }: Batch): Promise<void> {
    const { run, step, trial } = this.#trial;
    await this.#warehouse.append('progress', rows, ledgerKey(run, step, ...livesOf(this.#trial), trial, first, last));
  }

  async #rowsOf({ first, last }: Batch): Promise<LedgerRow<'progress'>[]> {
    const rows: LedgerRow<'progress'>[] = [];
    for (let n = first; n <= last; n++) {
      const record = await readProgress(this.#store, this.#trial.output, n);
      if (record !== null && record !== 'unreadable' && record.kind !== 'beat') rows.push(progressRow(this.#trial, n, record));
    }
    return rows;
  }
}

function progressRow(
  trial: Pick<TrialInput, 'pipeline' | 'run' | 'step' | 'trial'>,
  n: number,
  record: ProgressRecord,
): LedgerRow<'progress'> {
  return {
    pipeline: trial.pipeline,
    run: trial.run,
    time: new Date(record.time * 1000).toISOString(),
    step: trial.step,
    trial: trial.trial,
    attempt: record.attempt,
    n,
    kind: record.kind,
    epoch: record.epoch,
    part: record.part,
    training_step: record.step,
    samples: record.samples,
    samples_per_second: record.samplesPerSecond ?? null,
    metrics: JSON.stringify(record.metrics),
  };
}

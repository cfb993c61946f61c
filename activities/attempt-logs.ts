/** Keeps the log of an attempt beside its other files, in pieces, so that it outlives pod, Job and node. */
import { PreconditionFailedError } from '../src/contract/errors.ts';
import type { JobEnd } from '../src/contract/jobs.ts';
import type { JobStatus } from '../src/ports/compute.ts';
import type { Compute, ObjectStore } from '../src/ports/index.ts';
import { GRACES, WAITS } from '../src/rules/durations.ts';
import {
  endUri,
  firstLineOf,
  gapLine,
  logPrefix,
  parseLine,
  pieceUri,
  piecesToDrop,
  stampedLine,
  type LogBounds,
  type Piece,
} from '../src/rules/kept-logs.ts';
import { background } from './background.ts';
import { pause } from './stoppable.ts';

/** A piece is written again with more lines until it has this size. */
const PIECE_BYTES = 256 * 1024;
/** So much waits in memory while the store is away; then the oldest lines go. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** Each is a connection to the API server for as long as the attempt runs. */
const MAX_KEPT_RANKS = 32;
const LONGEST_LINE = 16 * 1024;
const BYTES_PER_MB = 1024 * 1024;
const NOTHING_MORE = 'the rest of this log is lost: its pod was gone before a worker had read it';
const CUT_OFF = 'the rest of this log is lost: nothing more came of it, and its Job had ended';

export interface LogSource {
  readonly compute: Pick<Compute, 'logs'>;
  readonly store: ObjectStore;
  readonly output: string;
  readonly attempt: number;
  /** Of an attempt on several machines; 0 when left out. */
  readonly rank?: number;
  readonly bounds: LogBounds;
  /** Its Job has ended, and who kept it has gone: nothing more comes, and what is not there any more is missing. */
  readonly isTakenOver?: boolean;
  /** Hears why a log is not kept any more. */
  readonly tell: (error: unknown) => void;
}

interface KeptLog {
  /** To be told of what becomes of the Job: there is a log when its container runs, and asking earlier would be asking again and again. */
  status(status: Pick<JobStatus, 'phase'>): void;
  /** The Job has ended. Waits until all was kept, at the latest for so long; keeping goes on behind, for a while, or until the worker goes. */
  settled(patienceMs: number): Promise<void>;
}

/** One for each machine, those of the others behind that of rank 0: as large together as that one may be, and no more than so many. */
function sourcesOf(source: LogSource, nodes: number): LogSource[] {
  const ranks = Math.min(nodes, MAX_KEPT_RANKS);
  const maxMb = source.bounds.maxMb / Math.max(1, ranks - 1);
  return Array.from({ length: ranks }, (_, rank) => (rank === 0 ? source : { ...source, rank, bounds: { ...source.bounds, maxMb } }));
}

/** Nobody is to wait for the rest of its log: its machine goes, or its pod does, and another one takes its place. */
export const isReplacedAtOnce = ({ disruption, nodeLost, notStarted, deletedByOther }: JobEnd): boolean =>
  disruption !== null || nodeLost || notStarted !== null || deletedByOther;

/** The logs of all machines of an attempt. */
export function keepLogs(source: LogSource, nodes: number, job: string, detached: AbortSignal): KeptLog {
  const kept = sourcesOf(source, nodes).map((each) => keepLog(each, job, detached));
  return {
    status: (status) => {
      for (const each of kept) each.status(status);
    },
    settled: async (patienceMs) => {
      await Promise.all(kept.map((each) => each.settled(patienceMs)));
    },
  };
}

/**
 * Completes logs whose Job has ended and which another worker keeps, where that one has gone before their end.
 *
 * @param job null: it is not there any more, nor is what nobody has kept
 */
export async function completeLogs(source: LogSource, nodes: number, job: string | null, detached: AbortSignal): Promise<void> {
  if (!source.bounds.keep) return;
  const complete = async (each: LogSource): Promise<void> => {
    if (await isEndedSoon(each, detached)) return;
    if (job === null) await markLostLog(each);
    else await follow({ ...each, isTakenOver: true }, job, { detached });
  };
  await Promise.all(sourcesOf(source, nodes).map((each) => complete(each).catch(source.tell)));
}

async function isEndedSoon({ store, output, attempt, rank }: LogSource, detached: AbortSignal): Promise<boolean> {
  const uri = endUri(logPrefix(output, attempt, rank));
  const begun = performance.now();
  for (;;) {
    if (await store.stat(uri)) return true;
    if (detached.aborted || performance.now() - begun >= GRACES.logEndMs) return detached.aborted;
    await pause(WAITS.recordsLookFirstMs, detached);
  }
}

/** Follows the Job's log until it ends, or until the worker leaves it to the next one. Its own trouble never becomes the attempt's. */
export function keepLog(source: LogSource, job: string, detached: AbortSignal, behind = background): KeptLog {
  if (!source.bounds.keep) return { status: () => undefined, settled: () => Promise.resolve() };
  const late = new AbortController();
  let following: Promise<void> | null = null;
  const begin = (): Promise<void> =>
    (following ??= follow(source, job, { detached, late: late.signal }).catch((error: unknown) => {
      // Another worker keeps it then.
      if (!(error instanceof PreconditionFailedError)) source.tell(error);
    }));
  const goOnBehind = (work: Promise<void>): void => {
    const cutOff = (): void => {
      late.abort();
    };
    const timer = setTimeout(cutOff, GRACES.logBehindMs);
    behind.signal.addEventListener('abort', cutOff);
    behind.add(work);
    void work.finally(() => {
      clearTimeout(timer);
      behind.signal.removeEventListener('abort', cutOff);
    });
  };
  return {
    status: ({ phase }) => {
      if (phase !== 'pending') void begin();
    },
    settled: async (patienceMs) => {
      if (patienceMs > 0) await Promise.race([begin(), pause(patienceMs, detached)]);
      if (following) goOnBehind(following);
    },
  };
}

/** Says that nobody was there to keep the rest of a log: its Job ended and went while no worker ran. */
export async function markLostLog({ store, output, attempt, rank = 0, bounds }: Omit<LogSource, 'compute'>): Promise<void> {
  if (!bounds.keep) return;
  const book = await LogBook.open(store, logPrefix(output, attempt, rank), bounds);
  if (book.ended) return;
  book.add(stampedLine({ at: new Date().toISOString(), text: gapLine(NOTHING_MORE) }));
  await book.end();
}

interface Leaving {
  /** The next worker goes on. */
  readonly detached: AbortSignal;
  /** Nobody goes on: what has not come by now is missing. */
  readonly late?: AbortSignal;
}

async function follow(source: LogSource, job: string, { detached, late }: Leaving): Promise<void> {
  const { compute, store, output, attempt, rank = 0, bounds, isTakenOver = false } = source;
  const book = await LogBook.open(store, logPrefix(output, attempt, rank), bounds);
  if (book.ended) return;
  const mayLack = isTakenOver || book.lines > 0;
  const over = new AbortController();
  const signal = AbortSignal.any([detached, ...(late ? [late] : [])]);
  const writing = writeAtAPace(book, AbortSignal.any([over.signal, signal]));
  writing.catch(() => undefined);
  try {
    let some = false;
    for await (const line of compute.logs(job, { rank, follow: !isTakenOver, stamped: true, after: book.position, signal })) {
      some = true;
      book.add(line.slice(0, LONGEST_LINE));
    }
    if (detached.aborted) return;
    const lost = late?.aborted ? CUT_OFF : !some && mayLack ? NOTHING_MORE : null;
    if (lost !== null) book.add(stampedLine({ at: new Date().toISOString(), text: gapLine(lost) }));
  } finally {
    over.abort();
    await writing;
    if (detached.aborted) await book.write();
    else await book.end();
  }
}

async function writeAtAPace(book: LogBook, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await pause(WAITS.logPieceMs, over);
    try {
      await book.write();
    } catch (error) {
      // Another worker keeps this log; anything else may pass until the next time.
      if (error instanceof PreconditionFailedError) throw error;
    }
  }
}

/** The pieces of one log, and the lines that wait to be written. */
class LogBook {
  readonly #store: ObjectStore;
  readonly #prefix: string;
  readonly #bounds: LogBounds;
  readonly #pieces: Piece[];
  #first: number;
  #generation = '0';
  #current: string[] = [];
  #waiting: string[] = [];
  #waitingBytes = 0;
  #last: string | null;
  ended: boolean;

  private constructor(
    store: ObjectStore,
    prefix: string,
    bounds: LogBounds,
    pieces: Piece[],
    kept: number,
    last: string | null,
    ended: boolean,
  ) {
    this.#store = store;
    this.#prefix = prefix;
    this.#bounds = bounds;
    this.#pieces = pieces;
    this.#first = kept + 1;
    this.#last = last;
    this.ended = ended;
  }

  /** Goes on behind what an earlier worker has kept, with a piece of its own. */
  static async open(store: ObjectStore, prefix: string, bounds: LogBounds): Promise<LogBook> {
    const pieces: Piece[] = [];
    let ended = false;
    for await (const { uri, bytes } of store.list(`${prefix}/`)) {
      const first = firstLineOf(uri, prefix);
      if (first !== null) pieces.push({ first, bytes });
      ended ||= uri === endUri(prefix);
    }
    const newest = pieces.at(-1);
    const object = newest && (await store.read(pieceUri(prefix, newest.first)));
    const lines = object ? new TextDecoder().decode(object.data).split('\n').slice(0, -1) : [];
    const kept = newest ? newest.first - 1 + lines.length : 0;
    return new LogBook(store, prefix, bounds, pieces, kept, parseLine(lines.at(-1) ?? '').at, ended);
  }

  /** How many lines there are, with those that wait. */
  get lines(): number {
    return this.#first - 1 + this.#current.length + this.#waiting.length;
  }

  get position(): { readonly at: string; readonly lines: number } | undefined {
    return this.#last === null ? undefined : { at: this.#last, lines: this.lines };
  }

  add(line: string): void {
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#last = parseLine(line).at ?? this.#last;
    if (this.#waitingBytes <= MAX_WAITING_BYTES) return;
    const dropped = this.#waiting.splice(0, Math.ceil(this.#waiting.length / 2));
    this.#waiting.unshift(stampedLine({ at: this.#last, text: gapLine(`${dropped.length} lines are lost: the object store was away`) }));
    this.#waitingBytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  async write(): Promise<void> {
    while (this.#waiting.length > 0) await this.#writeOne();
  }

  /** Puts so many lines to the current piece as it still takes, and begins the next one when it is full. */
  async #writeOne(): Promise<void> {
    let bytes = this.#current.reduce((sum, { length }) => sum + length + 1, 0);
    let count = 0;
    while (count < this.#waiting.length && bytes < PIECE_BYTES) bytes += (this.#waiting[count++]?.length ?? 0) + 1;
    const lines = [...this.#current, ...this.#waiting.slice(0, count)];
    const info = await this.#store.write(pieceUri(this.#prefix, this.#first), `${lines.join('\n')}\n`, {
      ifGeneration: this.#generation,
      contentType: 'text/plain; charset=utf-8',
    });
    this.#waiting.splice(0, count);
    this.#waitingBytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
    this.#current = lines;
    this.#generation = info.generation;
    if (bytes >= PIECE_BYTES) await this.#nextPiece(info.bytes);
  }

  async #nextPiece(bytes: number): Promise<void> {
    this.#pieces.push({ first: this.#first, bytes });
    this.#first += this.#current.length;
    this.#generation = '0';
    this.#current = [];
    for (const piece of piecesToDrop(this.#pieces, this.#bounds.maxMb * BYTES_PER_MB)) {
      await this.#store.remove(pieceUri(this.#prefix, piece.first));
      this.#pieces.splice(this.#pieces.indexOf(piece), 1);
    }
  }

  /** Nothing more comes. */
  async end(): Promise<void> {
    for (let pauseMs = WAITS.foreignRetryFirstMs; ; pauseMs = Math.min(pauseMs * 2, WAITS.foreignRetryLongestMs)) {
      try {
        await this.write();
        await this.#store.write(endUri(this.#prefix), JSON.stringify({ lines: this.lines, at: new Date().toISOString() }));
        return;
      } catch (error) {
        if (error instanceof PreconditionFailedError || pauseMs >= WAITS.foreignRetryLongestMs) throw error;
        await pause(pauseMs, new AbortController().signal);
      }
    }
  }
}

import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Client, ScheduleHandle, ScheduleSummary as TemporalSummary } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { scheduledRunName } from '../contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../contract/names.ts';
import type { RunDocument } from '../contract/run-document.ts';
import { teamOfQueue } from '../contract/teams.ts';
import { checkScheduleName } from '../contract/run-names.ts';
import { calendarOf } from './calendar.ts';
import { RefusedError } from './errors.ts';
import { about } from './failures.ts';
import { GRACES } from '../rules/durations.ts';

/** What happens when a run is due and the one before still runs. */
const OVERLAPS = {
  skip: ScheduleOverlapPolicy.SKIP,
  'buffer-one': ScheduleOverlapPolicy.BUFFER_ONE,
  'buffer-all': ScheduleOverlapPolicy.BUFFER_ALL,
  'cancel-other': ScheduleOverlapPolicy.CANCEL_OTHER,
  'allow-all': ScheduleOverlapPolicy.ALLOW_ALL,
} as const;
export type Overlap = keyof typeof OVERLAPS;

export interface ScheduleOptions {
  /** Standard five fields, e.g. `0 3 * * *`; where day and weekday are both set, either will do. */
  readonly cron: string;
  /** IANA name; default UTC. */
  readonly timezone?: string;
  /** Default `skip`. */
  readonly overlap?: Overlap;
  readonly paused?: boolean;
  readonly note?: string;
}

export interface ScheduleSummary {
  readonly name: string;
  readonly pipeline: string;
  readonly cron: string;
  readonly timezone: string;
  readonly overlap: Overlap;
  readonly paused: boolean;
  readonly note: string | null;
  /** Whose workers its runs are of; absent: no team's, or one that an older release made. */
  readonly team?: string;
  /** ms since 1970, the soonest first. */
  readonly next: readonly number[];
  /** Names of runs, the newest last. */
  readonly recent: readonly string[];
}

const PIPELINE = defineSearchAttributeKey('Pipeline', 'KEYWORD');

/**
 * Pipelines that run by the calendar, on Temporal Schedules. A schedule keeps the document that it was created with.
 *
 * @example
 * await longhaul.schedules.create('nightly', document, { cron: '0 3 * * *', timezone: 'Europe/Berlin' });
 */
export class Schedules {
  readonly #client: Client;
  readonly #address: string;
  readonly #queue: string;

  /** @param queue of the control workers that serve the runs */
  constructor(client: Client, address: string, queue: string = TASK_QUEUES.control) {
    this.#client = client;
    this.#address = address;
    this.#queue = queue;
  }

  /** Throws `InvalidInputError` for a calendar that cannot be read or never comes, `RefusedError` when there is a schedule of this name. */
  async create(name: string, document: RunDocument, options: ScheduleOptions): Promise<ScheduleSummary> {
    checkScheduleName(name);
    const { cron, timezone = 'UTC', overlap = 'skip', paused = false, note } = options;
    const { expressions } = calendarOf(cron, timezone);
    await this.#about(name, async () => {
      await this.#client.schedule.create({
        scheduleId: name,
        spec: { cronExpressions: [...expressions], timezone },
        action: {
          type: 'startWorkflow',
          workflowType: WORKFLOWS.scheduledRun,
          workflowId: name,
          taskQueue: this.#queue,
          args: [document],
          typedSearchAttributes: [{ key: PIPELINE, value: document.pipeline }],
        },
        policies: { overlap: OVERLAPS[overlap], catchupWindow: GRACES.scheduleCatchUpMs },
        state: { paused, ...(note === undefined ? {} : { note }) },
        memo: {
          pipeline: document.pipeline,
          cron,
          timezone,
          overlap,
          queue: this.#queue,
          documentHash: document.hash,
          profile: document.profileName,
        },
      });
    });
    return this.describe(name);
  }

  async list(): Promise<ScheduleSummary[]> {
    return this.#about('', async () => {
      const found: ScheduleSummary[] = [];
      for await (const schedule of this.#client.schedule.list())
        if (isOurs(schedule) && (await this.#isOwn(schedule))) found.push(summaryOf(schedule));
      return found.sort((a, b) => a.name.localeCompare(b.name));
    });
  }

  /** Of all teams, for who asks what is still needed: what each schedule runs; null where that cannot be read. */
  async documents(): Promise<{ readonly name: string; readonly document: unknown }[]> {
    return this.#about('', async () => {
      const found: { readonly name: string; readonly document: unknown }[] = [];
      for await (const { scheduleId: name, ...schedule } of this.#client.schedule.list())
        if (isOurs(schedule)) found.push({ name, document: await documentOf(this.#client.schedule.getHandle(name)) });
      return found;
    });
  }

  describe(name: string): Promise<ScheduleSummary> {
    return this.#on(name, async (handle) => {
      const { scheduleId, memo, state, info } = await handle.describe();
      return summaryOf({ scheduleId, memo, state, info });
    });
  }

  pause = (name: string, note?: string): Promise<void> => this.#on(name, (handle) => handle.pause(note));
  resume = (name: string, note?: string): Promise<void> => this.#on(name, (handle) => handle.unpause(note));
  /** Starts a run now, whatever runs. */
  trigger = (name: string): Promise<void> => this.#on(name, (handle) => handle.trigger(ScheduleOverlapPolicy.ALLOW_ALL));
  /** Running runs go on. */
  delete = (name: string): Promise<void> => this.#on(name, (handle) => handle.delete());
  /** Starts the runs that would have been due in a span of the past, by default one after the other. */
  backfill = (name: string, start: Date, end: Date, overlap: Overlap = 'buffer-all'): Promise<void> =>
    this.#on(name, (handle) => handle.backfill({ start, end, overlap: OVERLAPS[overlap] }));

  #on<T>(name: string, call: (handle: ScheduleHandle) => Promise<T>): Promise<T> {
    return this.#about(name, async () => {
      const handle = this.#client.schedule.getHandle(name);
      if (!this.#seesAll && (await queueOfAction(handle)) !== this.#queue) throw noSchedule(name);
      return await call(handle);
    });
  }

  /** A client of a team finds the schedules of its own queue only, as it does runs. */
  get #seesAll(): boolean {
    return teamOfQueue(this.#queue) === null;
  }

  async #isOwn({ scheduleId, memo }: Pick<TemporalSummary, 'scheduleId' | 'memo'>): Promise<boolean> {
    if (this.#seesAll) return true;
    // Older releases did not write it down.
    const queue = typeof memo?.queue === 'string' ? memo.queue : await queueOfAction(this.#client.schedule.getHandle(scheduleId));
    return queue === this.#queue;
  }

  async #about<T>(name: string, call: () => Promise<T>): Promise<T> {
    try {
      return await about(name, this.#address, call);
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) throw noSchedule(name, error);
      if (error instanceof ScheduleAlreadyRunning)
        throw new RefusedError(`there is already a schedule "${name}"; delete it first, or choose another name`, { cause: error });
      // So the SDK passes on what the server says of a calendar that it cannot read.
      if (error instanceof TypeError) throw new RefusedError(`Temporal refused: ${error.message}`, { cause: error });
      throw error;
    }
  }
}

/** null: it was deleted meanwhile, by another one's hand. */
const queueOfAction = (handle: ScheduleHandle): Promise<string | null> =>
  handle.describe().then(
    ({ action }) => action.taskQueue,
    (error: unknown) => {
      if (error instanceof ScheduleNotFoundError) return null;
      throw error;
    },
  );

/** null: it cannot be read, with the keys of this client. Empty: it was deleted meanwhile. */
const documentOf = (handle: ScheduleHandle): Promise<unknown> =>
  handle.describe().then(
    ({ action }): unknown => action.args?.[0] ?? null,
    (error: unknown) => (error instanceof ScheduleNotFoundError ? {} : null),
  );

const noSchedule = (name: string, cause?: unknown): RefusedError =>
  new RefusedError(`no schedule "${name}"; \`longhaul schedule list\` shows them`, { cause });

type Described = Pick<TemporalSummary, 'scheduleId' | 'memo' | 'state'> & {
  readonly info: Pick<TemporalSummary['info'], 'nextActionTimes' | 'recentActions'>;
};

const isOurs = ({ memo }: Pick<TemporalSummary, 'memo'>): boolean => typeof memo?.cron === 'string' && typeof memo.pipeline === 'string';

function summaryOf({ scheduleId, memo, state, info }: Described): ScheduleSummary {
  const text = (name: string): string => (typeof memo?.[name] === 'string' ? memo[name] : '');
  const overlap = text('overlap');
  const team = teamOfQueue(text('queue'));
  return {
    name: scheduleId,
    pipeline: text('pipeline'),
    cron: text('cron'),
    timezone: text('timezone'),
    overlap: Object.hasOwn(OVERLAPS, overlap) ? (overlap as Overlap) : 'skip',
    paused: state.paused,
    note: state.note === undefined || state.note === '' ? null : state.note,
    ...(team === null ? {} : { team }),
    next: info.nextActionTimes.map((time) => time.getTime()),
    recent: info.recentActions.map(({ action }) => scheduledRunName(action.workflow.workflowId)),
  };
}

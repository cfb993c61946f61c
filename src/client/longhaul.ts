import { randomInt, randomUUID } from 'node:crypto';
import { Connection, Client, type ClientOptions, type WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { dataConverterOf } from '../codec/encryption.ts';
import { DEFAULT_AUDIT } from '../contract/audit-policy.ts';
import { InvalidInputError } from '../contract/errors.ts';
import { fairnessKey, promotionWorkflowId } from '../contract/ids.ts';
import { DECISIONS, PROMOTE, TASK_QUEUES, WORKFLOWS } from '../contract/names.ts';
import { queueOf, teamOfQueue } from '../contract/teams.ts';
import { openTracing, type Tracing } from '../telemetry/tracing.ts';
import { RunDocument } from '../contract/run-document.ts';
import type { Promoted, PromotionInput } from '../contract/promotion.ts';
import type { Retry } from '../contract/retry.ts';
import { checkRunName } from '../contract/run-names.ts';
import type { Who } from '../contract/search-updates.ts';
import type { RunStatus } from '../contract/state.ts';
import { findTarget, withoutProxy, type Target, type TargetOptions } from './address.ts';
import { tryAgainWhileOpen } from './closed-connection.ts';
import { CannotConnectError } from './errors.ts';
import { isRefused } from './connection-refused.ts';
import { Audit } from './audit.ts';
import { about } from './failures.ts';
import { ownRunsOnly } from './own-runs.ts';
import { checkRetry, type RetryOptions } from './retry.ts';
import { Run } from './run.ts';
import { whileServed } from './served.ts';
import { checkSigner, signedPayload, tellDecided } from './signing.ts';
import { Schedules } from './schedules.ts';
import { GRACES } from '../rules/durations.ts';

export interface ConnectOptions extends TargetOptions {
  /** Encrypts payloads where LONGHAUL_ENCRYPTION_KEYS holds keys, unless another one is given. */
  readonly dataConverter?: ClientOptions['dataConverter'];
  /** What must end while the connection is still there. */
  readonly beforeClose?: () => Promise<void>;
}

export interface StartOptions {
  /** Name of the run; otherwise pipeline, time and four characters. A name is used once. */
  readonly runId?: string | undefined;
  /** 1 to 5, as Temporal's priority key: tasks of a lower number come first where workers are busy; 3 where left out. */
  readonly priority?: number | undefined;
}

export interface ListOptions {
  readonly pipeline?: string;
  readonly status?: RunStatus;
  /** Default 50, newest first. */
  readonly limit?: number;
}

export interface RunSummary {
  readonly run: string;
  readonly pipeline: string;
  readonly status: RunStatus;
  readonly bestObjective: number | null;
  /** ms since 1970 */
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Absent: no team's. */
  readonly team?: string;
}

const KEYS = {
  pipeline: defineSearchAttributeKey('Pipeline', 'KEYWORD'),
  run: defineSearchAttributeKey('Run', 'KEYWORD'),
  status: defineSearchAttributeKey('RunStatus', 'KEYWORD'),
  best: defineSearchAttributeKey('BestObjective', 'DOUBLE'),
};

/** Temporal refuses inputs of 2 MiB; a little less leaves room for the envelope. */
const MAX_DOCUMENT_BYTES = 1_900_000;

/** `{pipeline}-{yyyymmdd-hhmmss}-{4 characters}`, UTC: sorts by time, and never meets another. */
export function newRunId(pipeline: string, now = new Date()): string {
  const [date = '', time = ''] = now.toISOString().replace(/[-:]/g, '').split(/[T.]/);
  return `${pipeline}-${date}-${time}-${randomInt(36 ** 4)
    .toString(36)
    .padStart(4, '0')}`;
}

/** A connection to the Temporal server that runs Longhaul's workflows. */
export class Longhaul {
  readonly target: Target;
  readonly client: Client;
  readonly schedules: Schedules;
  readonly #connection: Connection;
  readonly #tracing: Tracing | null;
  readonly #beforeClose: ConnectOptions['beforeClose'];
  /** Of the team's control workers. */
  readonly #queue: string;

  constructor(connection: Connection, target: Target, options: ConnectOptions = {}, tracing: Tracing | null = null) {
    this.#connection = connection;
    this.#tracing = tracing;
    this.#beforeClose = options.beforeClose;
    this.target = target;
    this.client = new Client({
      connection,
      namespace: target.namespace,
      dataConverter: options.dataConverter ?? dataConverterOf(),
      plugins: tracing === null ? [] : [tracing.plugin],
      interceptors: { workflow: ownRunsOnly(connection, target) },
    });
    this.#queue = queueOf(target.team ?? null, TASK_QUEUES.control);
    this.schedules = new Schedules(this.client, target.address, this.#queue);
  }

  /**
   * Starts a run of a compiled document, as `longhaul run` does.
   * @throws InvalidInputError for a document or a name that no run may have; nothing was started
   */
  async start(input: RunDocument, { runId, priority }: StartOptions = {}): Promise<Run> {
    const document = checked(input);
    const id = runId ?? newRunId(document.pipeline);
    checkRunName(id, 'run id');
    return this.#begin(id, document, [document], 'REJECT_DUPLICATE', priority);
  }

  async #begin(
    id: string,
    document: RunDocument,
    args: [RunDocument, Retry?],
    workflowIdReusePolicy: 'REJECT_DUPLICATE' | 'ALLOW_DUPLICATE',
    priorityKey?: number,
  ): Promise<Run> {
    await about(id, this.target.address, () =>
      this.client.workflow.start(WORKFLOWS.trainingPipeline, {
        workflowId: id,
        taskQueue: this.#queue,
        priority: { fairnessKey: fairnessKey(id), ...(priorityKey === undefined ? {} : { priorityKey }) },
        args,
        workflowIdReusePolicy,
        staticSummary: `${document.pipeline} on ${document.profileName}`,
        staticDetails: details(document),
        memo: {
          documentHash: document.hash,
          profile: document.profileName,
          file: document.source.file,
          commit: document.source.commit ?? 'unknown',
        },
        typedSearchAttributes: [
          { key: KEYS.pipeline, value: document.pipeline },
          { key: KEYS.run, value: id },
          { key: KEYS.status, value: 'running' },
        ],
      }),
    );
    return this.run(id);
  }

  /**
   * Runs again, under the same name, what failed of a run that has ended: done steps stand, trials go on from their last checkpoints.
   * @throws RefusedError where it still runs, or there is nothing to run again
   * @throws InvalidInputError LONGHAUL_SIGNING_KEY names no key; nothing was started
   */
  async retry(id: string, { from = null, by, why, vouched }: RetryOptions = {}): Promise<Run> {
    checkSigner({ vouched });
    const run = this.run(id);
    const ended = await run.ended();
    checkRetry(id, ended.state, ended.document, from);
    const retry: Retry = { number: ended.retries + 1, from, steps: ended.state.steps, by: by ?? null, why: why ?? null };
    const again = await this.#begin(id, ended.document, [ended.document, retry], 'ALLOW_DUPLICATE');
    await this.#tell(id, DECISIONS.retry, { by, why, vouched }, from === null ? {} : { from });
    return again;
  }

  /**
   * Trains windows of the run's trials again and compares them (docs/audit.md); one that runs already is taken up.
   * @param share of the samples that were trained, at most
   */
  async audit(id: string, { share = DEFAULT_AUDIT.share }: { readonly share?: number } = {}): Promise<Audit> {
    const { pipeline, profile } = await this.run(id).document();
    return Audit.start(this.client, this.target.address, this.#queue, { run: id, pipeline, profile, share });
  }

  /**
   * Starts a run that goes on with an ended one, and tells it, for the ledger, who extended that.
   * @throws InvalidInputError for a document that no run may have, or where LONGHAUL_SIGNING_KEY names no key; nothing was started
   */
  async extend(document: RunDocument, ended: string, who: Who): Promise<Run> {
    checkSigner(who);
    const run = await this.start(document);
    await this.#tell(run.id, DECISIONS.extend, who, { extends: ended });
    return run;
  }

  /**
   * Makes a model the champion of its pipeline; a control worker checks who decided it.
   * @param run that evaluated it, whose profile says where the ledger is
   * @throws RunFailedError there is no such model, or the workers' policy forbids the place
   * @throws CannotConnectError no worker came for it
   * @throws InvalidInputError LONGHAUL_SIGNING_KEY names no key; nothing was started
   */
  async promote({ run, model, profile }: Omit<PromotionInput, 'payload'>, who: Who): Promise<Promoted> {
    const payload = (await signedPayload({ ...who, ...{ model } }, { run, search: null, decision: PROMOTE })) as PromotionInput['payload'];
    const workflowId = promotionWorkflowId(model, randomUUID());
    return about(workflowId, this.target.address, async () => {
      const handle = await this.client.workflow.start(WORKFLOWS.promotion, {
        workflowId,
        taskQueue: this.#queue,
        args: [{ run, model, profile, payload } satisfies PromotionInput],
        // Its signature is too old then.
        workflowExecutionTimeout: GRACES.signatureMs,
        staticSummary: `promotes ${model}`,
      });
      return whileServed(this.client, this.target.address, workflowId, () => handle.result() as Promise<Promoted>);
    });
  }

  async #tell(id: string, decision: string, { by, why, vouched }: Partial<Who>, more: object): Promise<void> {
    const who = {
      ...(by === undefined ? {} : { by }),
      ...(why === undefined ? {} : { why }),
      ...(vouched === undefined ? {} : { vouched }),
    };
    await about(id, this.target.address, () => tellDecided(this.client.workflow.getHandle(id), decision, who, more));
  }

  /** A run by its name. Says nothing about whether there is one; the first call does. */
  run(id: string): Run {
    return new Run(this.client, this.target.address, id, this.target.team);
  }

  /** Newest first. */
  async list({ pipeline, status, limit = 50 }: ListOptions = {}): Promise<RunSummary[]> {
    const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
    const conditions = [`WorkflowType = '${WORKFLOWS.trainingPipeline}'`];
    if (pipeline !== undefined) conditions.push(`Pipeline = ${quoted(pipeline)}`);
    if (this.target.team) conditions.push(`TaskQueue = ${quoted(this.#queue)}`);
    if (status !== undefined) conditions.push(`RunStatus = ${quoted(status)}`);
    return about('', this.target.address, async () => {
      const runs: RunSummary[] = [];
      for await (const info of this.client.workflow.list({ query: conditions.join(' AND '), pageSize: Math.min(limit, 100) })) {
        // A run that was run again has had several lives; the newest one comes first.
        if (runs.some(({ run }) => run === info.workflowId)) continue;
        runs.push(summaryOf(info));
        if (runs.length >= limit) break;
      }
      return runs;
    });
  }

  async close(): Promise<void> {
    await this.#beforeClose?.();
    await this.#connection.close();
    await this.#tracing?.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Connects by TEMPORAL_ADDRESS, a profile of Temporal's environment configuration, or to the `longhaul dev` of this project.
 *
 * @example
 * await using longhaul = await connect();
 * const run = await longhaul.start(document);
 * console.log(await run.result());
 */
export async function connect(options: ConnectOptions = {}): Promise<Longhaul> {
  const target = findTarget(options);
  if (await isRefused(target.address))
    throw new CannotConnectError(
      `nothing listens at ${target.address}, where Temporal is to be; start it, or name another by TEMPORAL_ADDRESS`,
      target.address,
    );
  try {
    const connection = await Connection.connect({
      ...target.connection,
      ...withoutProxy(target.address),
      connectTimeout: GRACES.clientConnectMs,
      interceptors: [tryAgainWhileOpen],
    });
    return new Longhaul(connection, target, options, await openTracing('longhaul-client'));
  } catch (error) {
    throw new CannotConnectError(`cannot reach Temporal at ${target.address}; is it running?`, target.address, { cause: error });
  }
}

function checked(input: RunDocument): RunDocument {
  const parsed = RunDocument.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => ({ file: 'run document', path: issue.path.join('.'), message: issue.message }));
    throw new InvalidInputError(problems);
  }
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data));
  if (bytes > MAX_DOCUMENT_BYTES) {
    const found = `${bytes} bytes`;
    throw new InvalidInputError([
      {
        file: 'run document',
        message: 'too large for one workflow input',
        expected: `at most ${MAX_DOCUMENT_BYTES} bytes`,
        found,
        hint: 'move scripts into an image or large lists into a table',
      },
    ]);
  }
  return parsed.data;
}

/** Markdown for the web UI. */
function details(document: RunDocument): string {
  const commit =
    document.source.commit === null ? '' : `\n- commit \`${document.source.commit}\`${document.source.dirty ? ' with changes' : ''}`;
  return `${document.description}\n\n- file \`${document.source.file}\`${commit}\n- document \`${document.hash}\`\n- ${document.steps.length} steps`;
}

function summaryOf(info: WorkflowExecutionInfo): RunSummary {
  const attributes = info.typedSearchAttributes;
  const team = teamOfQueue(info.taskQueue);
  return {
    run: info.workflowId,
    pipeline: attributes.get(KEYS.pipeline) ?? '',
    status: closedStatus(info.status.name) ?? (attributes.get(KEYS.status) as RunStatus | undefined) ?? 'running',
    bestObjective: attributes.get(KEYS.best) ?? null,
    startedAt: info.startTime.getTime(),
    endedAt: info.closeTime?.getTime() ?? null,
    ...(team === null ? {} : { team }),
  };
}

/** The server knows the end better than an attribute that a terminated workflow could no longer write. */
function closedStatus(name: WorkflowExecutionInfo['status']['name']): RunStatus | null {
  if (name === 'COMPLETED') return 'succeeded';
  if (name === 'CANCELLED') return 'cancelled';
  return name === 'FAILED' || name === 'TERMINATED' || name === 'TIMED_OUT' ? 'failed' : null;
}

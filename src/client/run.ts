import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { DECISIONS, INTERNAL_SIGNALS, QUERIES, UPDATES } from '../contract/names.ts';
import type { Retry } from '../contract/retry.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { UpdateAnswer, Who } from '../contract/search-updates.ts';
import type { RunGraph, RunResult, RunState } from '../contract/state.ts';
import type { Team } from '../contract/teams.ts';
import { Audit } from './audit.ts';
import { clustersNow } from './clusters.ts';
import { followChanges, type Changes } from './changes.ts';
import { UnknownRunError, RefusedError, RunFailedError } from './errors.ts';
import { about, ask } from './failures.ts';
import { readDocument } from './read-document.ts';
import { Search } from './search.ts';
import { signedPayload, tellDecided, type Signed } from './signing.ts';
import { whileServed } from './served.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { GRACES } from '../rules/durations.ts';

export interface UnservedCluster {
  readonly name: string;
  readonly silentSince: number | null;
}

/** Which approval is meant; it may be left out while only one waits. */
export type Decision = Who & { readonly step?: string };

/**
 * A run, running or ended.
 *
 * @example
 * const run = longhaul.run('grocery-20261124-101500-k3f9');
 * console.log((await run.state()).status);
 */
export class Run {
  readonly id: string;
  readonly #client: Client;
  readonly #address: string;
  readonly #team: Team;

  constructor(client: Client, address: string, id: string, team: Team = null) {
    this.#team = team;
    this.id = id;
    this.#client = client;
    this.#address = address;
  }

  get #handle(): WorkflowHandle {
    return this.#client.workflow.getHandle(this.id);
  }

  #about<T>(call: () => Promise<T>): Promise<T> {
    return about(this.id, this.#address, call);
  }

  /** Waits for the end, or until the signal aborts the waiting. Throws `RunFailedError` when it failed or was cancelled. */
  result({ signal }: { readonly signal?: AbortSignal } = {}): Promise<RunResult> {
    const wait = (): Promise<RunResult> => this.#handle.result() as Promise<RunResult>;
    return this.#about(() => (signal ? this.#client.withAbortSignal(signal, wait) : wait()));
  }

  /** Steps, cost, what waits for a person. Works while it runs and after its end. */
  state(): Promise<RunState> {
    return this.#ask<RunState>(QUERIES.state);
  }

  graph(): Promise<RunGraph> {
    return this.#ask<RunGraph>(QUERIES.graph);
  }

  /** The document that it was started with, whoever started it. */
  async document(): Promise<RunDocument> {
    return (await this.#start()).document;
  }

  /** Clusters of its profile of which no worker asks for work, and when one did last (ms since 1970; null: the server does not remember). */
  async unservedClusters(): Promise<readonly UnservedCluster[]> {
    const { profile } = await this.document();
    if (profile.clusters === undefined) return [];
    const found = await clustersNow(this.#client, this.#team, profile);
    return found.flatMap(({ cluster, isServed, lastAskedAt }) =>
      isServed || cluster === null ? [] : [{ name: cluster, silentSince: lastAskedAt }],
    );
  }

  async #start(): Promise<{ readonly document: RunDocument; readonly retries: number }> {
    // Which says that it is another team's.
    if (this.#team !== null) await this.#about(() => this.#handle.describe());
    const { history } = await this.#about(() =>
      this.#client.workflowService.getWorkflowExecutionHistory({
        namespace: this.#client.options.namespace,
        execution: { workflowId: this.id },
        maximumPageSize: 1,
      }),
    );
    const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
    if (!payloads) throw new UnknownRunError(this.id);
    const [document, retry] = await decodeArrayFromPayloads(this.#client.options.loadedDataConverter, payloads);
    return { document: readDocument(document, this.id), retries: (retry as Retry | null | undefined)?.number ?? 0 };
  }

  /** How a run that has ended stood then, whatever ended it. @throws RefusedError it runs */
  async ended(): Promise<{ readonly state: RunState; readonly document: RunDocument; readonly retries: number }> {
    const { status } = await this.#about(() => this.#handle.describe());
    if (status.name === 'RUNNING' || status.name === 'PAUSED')
      throw new RefusedError(`${this.id} has not ended; \`longhaul resume ${this.id}\` goes on with what is paused in it`);
    return { state: await this.state(), ...(await this.#start()) };
  }

  /**
   * What runs is ended with a checkpoint and removed; exit steps still run. A second time it ends those too.
   * @throws InvalidInputError LONGHAUL_SIGNING_KEY names no key
   */
  async cancel(who: Who = {}): Promise<void> {
    const { raw, status } = await this.#about(() => this.#handle.describe());
    // First, so that whoever looks at the cancellation knows whose it is. Of what has ended meanwhile there is nothing to say.
    if (status.name === 'RUNNING' || status.name === 'PAUSED')
      await tellDecided(this.#handle, DECISIONS.cancel, who).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
    await this.#about(() => this.#handle.cancel());
    if (raw.workflowExtendedInfo?.cancelRequested) await this.#about(() => this.#handle.signal(INTERNAL_SIGNALS.cancelExit));
  }

  /** Every trial commits a checkpoint, then the run is cancelled; resolves when it has ended. Throws `RefusedError`, see `stopRun`. */
  stop = (who: Who = {}, options: StopOptions = {}): Promise<void> => stopRun(this, who, options);
  /** No new step starts, searches pause their trials. */
  pause = (who: Who = {}): Promise<UpdateAnswer> => this.#update(UPDATES.pause, who);
  resume = (who: Who = {}): Promise<UpdateAnswer> => this.#update(UPDATES.resume, who);
  approve = (decision: Decision = {}): Promise<UpdateAnswer> => this.#answer(UPDATES.approve, decision);
  reject = (decision: Decision = {}): Promise<UpdateAnswer> => this.#answer(UPDATES.reject, decision);

  /** Tells when it has moved on, and its searches, when they are named to it (`searchWorkflowId`): what is shown is asked for only then. */
  changes(): Changes {
    return followChanges(this.#client, this.id);
  }

  /** Whether windows of it are trained again now. */
  async isAudited(): Promise<boolean> {
    try {
      return await new Audit(this.#client, this.#address, this.id).isRunning();
    } catch (error) {
      if (error instanceof UnknownRunError) return false;
      throw error;
    }
  }

  /** A search step of this run. */
  search(step: string): Search {
    return new Search(this.#client, this.#address, this.id, step, this.#team);
  }

  #answer(name: string, decision: Decision): Promise<UpdateAnswer> {
    return this.#update(name, decision, async () => {
      const { approvals } = await this.state();
      return (decision.step === undefined ? approvals : approvals.filter(({ step }) => step === decision.step))[0]?.since;
    });
  }

  async #update(name: string, who: Who, asked?: Signed['asked']): Promise<UpdateAnswer> {
    const payload = await signedPayload(who, { run: this.id, search: null, decision: name, ...(asked ? { asked } : {}) });
    return this.#whileServed(() => this.#about(() => this.#handle.executeUpdate<UpdateAnswer, [object]>(name, { args: [payload] })));
  }

  #ask<T>(question: string): Promise<T> {
    return this.#whileServed(() => ask(this.id, this.#address, () => this.#handle.query<T>(question)));
  }

  #whileServed<T>(call: () => Promise<T>): Promise<T> {
    return whileServed(this.#client, this.#address, this.id, call);
  }
}

export interface StopOptions {
  /** For the trials to come to rest; without a limit when left out. */
  readonly patienceMs?: number;
}

/**
 * Resolves when the run has ended.
 *
 * @throws RefusedError the run has ended already, or trials still run after `patienceMs`: it is then paused, and may be stopped again
 */
export async function stopRun(run: Run, who: Who, { patienceMs = Number.POSITIVE_INFINITY }: StopOptions = {}): Promise<void> {
  const { endedAt, status } = await run.state();
  if (endedAt !== null) throw new RefusedError(`${run.id} has already ended: ${status}`);
  await run.pause({ ...who, why: who.why ?? 'stop' });
  const until = Date.now() + patienceMs;
  for (let busy = await runningTrials(run); busy > 0; busy = await runningTrials(run)) {
    if (Date.now() > until)
      throw new RefusedError(
        `${run.id} is paused, but ${busy} of its trials have not committed a checkpoint yet; stop it again in a while`,
      );
    await sleep(GRACES.runLookMs);
  }
  await run.cancel(who);
  await run.result().catch((error: unknown) => {
    if (!(error instanceof RunFailedError)) throw error;
  });
}

/** A paused trial has committed its checkpoint. */
async function runningTrials(run: Run): Promise<number> {
  const { steps } = await run.state();
  const searches = steps.filter((step) => step.kind === 'search' && step.status === 'running');
  const states = await Promise.all(searches.map((step) => run.search(step.id).state()));
  return states.flatMap((search) => search.trials).filter((trial) => trial.status === 'running').length;
}

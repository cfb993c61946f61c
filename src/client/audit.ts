import type { Client, WorkflowHandle } from '@temporalio/client';
import type { AuditInput, AuditState } from '../contract/audit.ts';
import { auditWorkflowId } from '../contract/ids.ts';
import { QUERIES, WORKFLOWS } from '../contract/names.ts';
import { about, ask } from './failures.ts';
import { whileServed } from './served.ts';

/**
 * An audit of a run, running or ended.
 *
 * @example
 * const audit = await longhaul.audit('grocery-20261124-101500-k3f9', { share: 0.02 });
 * console.log((await audit.result()).results.map(({ verdict }) => verdict));
 */
export class Audit {
  readonly run: string;
  readonly #client: Client;
  readonly #address: string;

  constructor(client: Client, address: string, run: string) {
    this.run = run;
    this.#client = client;
    this.#address = address;
  }

  /** One that runs is taken up, whatever share it was asked for. */
  static async start(client: Client, address: string, taskQueue: string, input: AuditInput): Promise<Audit> {
    await about(input.run, address, () =>
      client.workflow.start(WORKFLOWS.audit, {
        workflowId: auditWorkflowId(input.run),
        taskQueue,
        args: [input],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `audit of ${input.run}`,
      }),
    );
    return new Audit(client, address, input.run);
  }

  get #handle(): WorkflowHandle {
    return this.#client.workflow.getHandle(auditWorkflowId(this.run));
  }

  state(): Promise<AuditState> {
    return whileServed(this.#client, this.#address, auditWorkflowId(this.run), () =>
      ask(this.run, this.#address, () => this.#handle.query<AuditState>(QUERIES.state)),
    );
  }

  /** Waits for the end, or until the signal aborts the waiting. Throws `RunFailedError` when there was nothing to audit, or it was cancelled. */
  result({ signal }: { readonly signal?: AbortSignal } = {}): Promise<AuditState> {
    const wait = (): Promise<AuditState> => this.#handle.result() as Promise<AuditState>;
    return about(this.run, this.#address, () => (signal ? this.#client.withAbortSignal(signal, wait) : wait()));
  }

  /** Trainings that run are ended; windows that were compared stay so. */
  async cancel(): Promise<void> {
    await about(this.run, this.#address, () => this.#handle.cancel());
  }

  async isRunning(): Promise<boolean> {
    const { status } = await about(this.run, this.#address, () => this.#handle.describe());
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  }
}

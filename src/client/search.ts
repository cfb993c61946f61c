import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { importanceWorkflowId, searchWorkflowId, suggestionsWorkflowId } from '../contract/ids.ts';
import { QUERIES, TASK_QUEUES, UPDATES, WORKFLOWS } from '../contract/names.ts';
import type {
  AddTrialUpdate,
  ApproveUpdate,
  ForkTrialUpdate,
  KeepTrialUpdate,
  PauseUpdate,
  PrioritiseUpdate,
  RejectUpdate,
  ResumeUpdate,
  SetBudgetUpdate,
  SetParallelismUpdate,
  SetSpaceUpdate,
  SetStoppingUpdate,
  StopTrialUpdate,
  UpdateAnswer,
  Who,
} from '../contract/search-updates.ts';
import type { AskInput, AskResult, Importance, ImportanceInput } from '../contract/sampler.ts';
import { queueOf, type Team } from '../contract/teams.ts';
import type { SearchState, StatePage } from '../contract/state.ts';
import { RefusedError } from './errors.ts';
import { about, ask } from './failures.ts';
import { signedPayload } from './signing.ts';
import { whileServed } from './served.ts';
import { GRACES } from '../rules/durations.ts';

/**
 * A hyper-parameter search of a run, while it runs. Every method is an update that the workflow checks: what makes no sense is a `RefusedError`.
 *
 * @example
 * await run.search('search').stopTrial({ trial: 3, by: 'ada', why: 'diverges' });
 */
export class Search {
  readonly run: string;
  readonly step: string;
  readonly #client: Client;
  readonly #address: string;
  readonly #team: Team;

  constructor(client: Client, address: string, run: string, step: string, team: Team = null) {
    this.#team = team;
    this.run = run;
    this.step = step;
    this.#client = client;
    this.#address = address;
  }

  get workflowId(): string {
    return searchWorkflowId(this.run, this.step);
  }

  /** With all trials, in as many questions as their size needs. */
  async state(): Promise<SearchState> {
    const state = await this.#page({});
    for (let { next } = state; next !== undefined;) {
      const more = await this.#page({ from: next });
      state.trials.push(...more.trials);
      ({ next } = more);
    }
    delete state.next;
    return state;
  }

  #page(page: StatePage): Promise<SearchState> {
    const handle = this.#client.workflow.getHandle(this.workflowId);
    return whileServed(this.#client, this.#address, this.workflowId, () =>
      ask(this.workflowId, this.#address, () => handle.query<SearchState, [StatePage]>(QUERIES.state, page)),
    );
  }

  /**
   * How much each parameter matters. The sampler's worker computes it; the same finished trials are computed once.
   * Rejects when that worker does not answer within a minute.
   */
  importance(input: ImportanceInput): Promise<Importance> {
    return this.#answer(WORKFLOWS.parameterImportance, importanceWorkflowId(this.run, this.step, JSON.stringify(input)), input);
  }

  /**
   * What a sampler would suggest next, given these trials. Nothing is started with it; the same question is computed once.
   * Rejects when the sampler's worker does not answer within a minute.
   */
  suggestions(input: AskInput): Promise<AskResult> {
    return this.#answer(WORKFLOWS.samplerSuggestions, suggestionsWorkflowId(this.run, this.step, JSON.stringify(input)), input);
  }

  #answer<T>(workflow: string, workflowId: string, question: object): Promise<T> {
    return about(workflowId, this.#address, async () => {
      const handle = await this.#client.workflow
        .start(workflow, {
          workflowId,
          taskQueue: queueOf(this.#team, TASK_QUEUES.control),
          args: [question],
          workflowExecutionTimeout: GRACES.searchAnswerMs,
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
        })
        .catch((error: unknown) => {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return this.#client.workflow.getHandle(workflowId);
          throw error;
        });
      return (await handle.result()) as T;
    });
  }

  /** Trials commit a checkpoint and give their machines back; without `trial`, all of them, and none is started. */
  pause = (update: PauseUpdate = {}): Promise<UpdateAnswer> => this.#update(UPDATES.pause, update);
  resume = (update: ResumeUpdate = {}): Promise<UpdateAnswer> =>
    this.#update(UPDATES.resume, update).catch((error: unknown) => {
      if (!(error instanceof RefusedError) || !error.message.endsWith('has already ended')) throw error;
      const how = `\`longhaul retry ${this.run} --from ${this.step}\` lets what failed of it go on from its checkpoints`;
      throw new RefusedError(`${error.message}; once the run has ended, ${how}`, { cause: error });
    });
  /** Ends a trial with a checkpoint; its models stay. */
  stopTrial = (update: StopTrialUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.stopTrial, update);
  /** No rule may stop this trial early. */
  keepTrial = (update: KeepTrialUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.keepTrial, update);
  prioritise = (update: PrioritiseUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.prioritise, update);
  addTrial = (update: AddTrialUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.addTrial, update);
  /** A new trial that goes on from a checkpoint of another with other parameters. */
  forkTrial = (update: ForkTrialUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.forkTrial, update);
  setParallelism = (update: SetParallelismUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.setParallelism, update);
  setBudget = (update: SetBudgetUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.setBudget, update);
  setSpace = (update: SetSpaceUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.setSpace, update);
  setStopping = (update: SetStoppingUpdate): Promise<UpdateAnswer> => this.#update(UPDATES.setStopping, update);
  /** Answers what the search asked: a budget that is used up, a trial that early evaluation doubts. */
  approve = (update: ApproveUpdate = {}): Promise<UpdateAnswer> => this.#update(UPDATES.approve, update);
  reject = (update: RejectUpdate = {}): Promise<UpdateAnswer> => this.#update(UPDATES.reject, update);

  async #update(name: string, who: Who): Promise<UpdateAnswer> {
    const payload = await signedPayload(who, { run: this.run, search: this.step, decision: name });
    const handle = this.#client.workflow.getHandle(this.workflowId);
    return whileServed(this.#client, this.#address, this.workflowId, () =>
      about(this.workflowId, this.#address, () => handle.executeUpdate<UpdateAnswer, [object]>(name, { args: [payload] })),
    );
  }
}

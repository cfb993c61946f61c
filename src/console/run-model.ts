/** One run as the pages show it, kept up to date while somebody looks: asked of workflows when they have moved on, of ledger and store when something changed. */
import { QuestionPace, type Changes } from '../client/changes.ts';
import { searchWorkflowId } from '../contract/ids.ts';
import { AdapterError } from '../contract/errors.ts';
import type { LedgerRow, LedgerTable } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { RunGraph, RunState, SearchState, StepState, TrialState } from '../contract/state.ts';
import { hasCachedSearch, makersOf, takenOver } from '../present/gathering.ts';
import { EventLog } from './event-log.ts';
import { describeFailure } from './failures.ts';
import { pointOfRecord, pointOfRow, restoredSearch } from './ledger-rows.ts';
import type { ConsoleSource } from './source.ts';
import { TailPace } from './tail-pace.ts';
import type { AttemptRow, Point, RunEvents } from './wire.ts';

const TAILS_AT_ONCE = 16;
const OVER = new Set(['succeeded', 'stopped', 'failed', 'cancelled']);

export class RunModel {
  readonly id: string;
  readonly document: RunDocument;
  readonly graph: RunGraph;
  readonly events = new EventLog();
  readonly #source: ConsoleSource;
  readonly #pace = new TailPace();
  readonly #points = new Map<string, Point[]>();
  state: RunState;
  /** Without what every object has: a step may be called `constructor`, and whoever asks may say anything. */
  searches: Record<string, SearchState> = Object.create(null) as Record<string, SearchState>;
  attempts: readonly AttemptRow[] = [];
  models: readonly LedgerRow<'models'>[] = [];
  evaluations: readonly LedgerRow<'evaluations'>[] = [];
  checks: readonly LedgerRow<'checks'>[] = [];
  stepRows: readonly LedgerRow<'steps'>[] = [];
  trouble: string | null = null;
  /** Runs whose rows in the ledger this run's results are: itself, and those that its cached searches come from. */
  #makers: readonly string[];
  #ticking: Promise<void> | null = null;
  /** null: the source cannot tell, so that workflows are asked each time. */
  #moved: Changes | null;
  /** Workflows that are to be asked. */
  readonly #due = new Set<string>();
  readonly #questions = new QuestionPace();
  #movedAt = 0;
  #mayAskAt = 0;
  #changes = 0;
  #settled = false;

  private constructor(source: ConsoleSource, document: RunDocument, graph: RunGraph, state: RunState) {
    this.#source = source;
    this.id = state.run;
    this.document = document;
    this.graph = graph;
    this.state = state;
    this.#makers = [state.run];
    this.#moved = source.changes?.(state.run) ?? null;
  }

  /** It was run again under its name. */
  reopen(): void {
    this.#settled = false;
    this.#moved = this.#source.changes?.(this.id) ?? null;
    this.#due.add(this.id);
  }

  /** Nobody looks any more. */
  close(): void {
    this.#moved?.close();
  }

  static async open(source: ConsoleSource, run: string): Promise<RunModel> {
    const [document, graph, state] = await Promise.all([source.document(run), source.graph(run), source.state(run)]);
    const model = new RunModel(source, document, graph, state);
    await model.#load().catch((error: unknown) => {
      if (!(error instanceof AdapterError) || error.type !== 'AccessDenied') throw error;
      // Its rows are not for this console, as those of a run that was refused for where it wanted to go; how it stands is.
      model.#say(error.message);
      model.#settled = state.endedAt !== null;
    });
    return model;
  }

  /** Nothing changes any more. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Counts changes of anything that pages show. */
  get version(): number {
    return this.#changes;
  }

  points(step: string, trial: number): readonly Point[] {
    return this.#points.get(keyOf(step, trial)) ?? [];
  }

  trial(step: string, trial: number): TrialState | null {
    return this.searches[step]?.trials.find((one) => one.trial === trial) ?? null;
  }

  /** Looks for changes, now; calls that come while one runs share it. */
  tick(): Promise<void> {
    this.#ticking ??= this.#look().finally(() => (this.#ticking = null));
    return this.#ticking;
  }

  async #look(): Promise<void> {
    try {
      this.#takeNews(performance.now());
      // In this order: a run that was over before its searches, attempts and rows were read will not change again.
      const over = await this.#lookAtRun();
      const changed = await this.#lookAtSearches();
      if (changed.attempts || over) await this.#lookAtAttempts();
      await this.#lookAtTails();
      if (changed.results || over) await this.#lookAtResults();
      this.#say(null);
      this.#settled = over;
      if (over) this.close();
    } catch (error) {
      this.#say(describeFailure(error).message);
    }
  }

  /** Of a run in which something happens all the time not every change is asked for. */
  #takeNews(now: number): void {
    if (this.#moved === null || now < this.#mayAskAt) return;
    const moved = this.#moved.takeAll();
    if (moved.size === 0) return;
    for (const workflowId of moved) this.#due.add(workflowId);
    this.#mayAskAt = now + this.#questions.after(now - this.#movedAt);
    this.#movedAt = now;
  }

  /** True: the run has ended. */
  async #lookAtRun(): Promise<boolean> {
    if (this.#moved !== null && !this.#due.has(this.id)) return this.state.endedAt !== null;
    const state = await this.#source.state(this.id);
    this.#due.delete(this.id);
    if (JSON.stringify(state) !== JSON.stringify(this.state)) {
      this.state = state;
      this.#emit('run', state);
    }
    return state.endedAt !== null;
  }

  async #lookAtSearches(): Promise<{ attempts: boolean; results: boolean }> {
    const changed = { attempts: false, results: false };
    for (const step of this.state.steps.filter((one) => this.#isLive(one))) {
      const workflowId = searchWorkflowId(this.id, step.id);
      this.#moved?.follow(workflowId);
      const isKnown = this.searches[step.id] !== undefined && step.endedAt === null;
      if (this.#moved !== null && isKnown && !this.#due.has(workflowId)) continue;
      const now = await this.#source.search(this.id, step.id);
      this.#due.delete(workflowId);
      const before = this.searches[step.id];
      const known = new Map(before?.trials.map((trial) => [trial.trial, trial]));
      const trials = now.trials.filter((trial) => JSON.stringify(trial) !== JSON.stringify(known.get(trial.trial)));
      const { trials: _, ...search } = now;
      this.searches[step.id] = now;
      if (trials.length === 0 && before && JSON.stringify(search) === JSON.stringify({ ...before, trials: undefined })) continue;
      this.#emit('search', { step: step.id, search, trials });
      for (const trial of trials) {
        const old = known.get(trial.trial);
        if (old?.attempts !== trial.attempts || old.status !== trial.status) changed.attempts = true;
        if (JSON.stringify(old?.offline) !== JSON.stringify(trial.offline)) changed.results = true;
        if (old && !OVER.has(old.status) && OVER.has(trial.status)) this.#pace.hurry(keyOf(step.id, trial.trial));
      }
    }
    return changed;
  }

  #isLive(step: StepState): boolean {
    if (step.kind !== 'search' || step.startedAt === null || step.cacheHit || step.workflowId === null) return false;
    return step.endedAt === null || this.searches[step.id]?.status !== endOf(step);
  }

  async #lookAtAttempts(): Promise<void> {
    const rows = await this.rows('attempts');
    const known = new Set(this.attempts.map((row) => JSON.stringify(row)));
    const fresh = rows.filter((row) => !known.has(JSON.stringify(row)));
    this.attempts = rows;
    if (fresh.length > 0) this.#emit('attempts', fresh);
  }

  /** New progress records of trials that run, and of those that have just ended. */
  async #lookAtTails(): Promise<void> {
    const due = Object.entries(this.searches).flatMap(([step, search]) =>
      search.trials
        .filter((trial) => this.#pace.isDue(keyOf(step, trial.trial), trial.status === 'running', Date.now()))
        .map((trial) => ({ step, trial })),
    );
    for (let i = 0; i < due.length; i += TAILS_AT_ONCE) {
      await Promise.all(due.slice(i, i + TAILS_AT_ONCE).map(({ step, trial }) => this.#lookAtTail(step, trial)));
    }
  }

  async #lookAtTail(step: string, trial: TrialState): Promise<void> {
    const key = keyOf(step, trial.trial);
    const known = this.#points.get(key) ?? [];
    const records = await this.#source.progress(this.document, trial.output, known.at(-1)?.n ?? 0);
    this.#pace.looked(key, records.length > 0, Date.now());
    if (records.length === 0) return;
    const points = records.map(pointOfRecord);
    this.#points.set(key, [...known, ...points]);
    this.#emit('points', { step, trial: trial.trial, points });
  }

  async #lookAtResults(): Promise<void> {
    for (const table of ['models', 'evaluations', 'checks'] as const) {
      const rows = await this.#results(table);
      if (JSON.stringify(rows) === JSON.stringify(this[table])) continue;
      Object.assign(this, { [table]: rows });
      this.#emit('results', { changed: table });
    }
    this.stepRows = await this.#source.ledger(this.document, 'steps', { run: this.id });
    this.#changes++;
  }

  async #load(): Promise<void> {
    const own = await this.#source.ledger(this.document, 'trials', { run: this.id });
    const cached = this.state.steps.filter((step) => step.kind === 'search' && step.cacheHit);
    const others = !hasCachedSearch(this.state)
      ? []
      : await this.#source.ledger(this.document, 'trials', { pipeline: this.state.pipeline });
    const trials = [...own, ...takenOver(this.state, others)];
    this.#makers = makersOf(this.id, trials);
    const [attempts, progress] = await Promise.all([this.rows('attempts'), this.rows('progress')]);
    this.attempts = attempts;
    for (const row of progress) {
      const key = keyOf(String(row.step), Number(row.trial));
      const points = this.#points.get(key) ?? [];
      points.push(pointOfRow(row));
      this.#points.set(key, points);
    }
    for (const points of this.#points.values()) points.sort((a, b) => a.n - b.n);
    await this.#lookAtResults();
    for (const step of cached) this.searches[step.id] = restoredSearch(this.state, step, this.document, trials);
    await this.#look();
  }

  /** Rows of the ledger, of the runs that made this run's results. */
  async rows<T extends LedgerTable>(table: T): Promise<LedgerRow<T>[]> {
    return (await Promise.all(this.#makers.map((run) => this.#source.ledger(this.document, table, { run })))).flat();
  }

  /** Of models all of the pipeline: the champion is of an earlier run. */
  #results(table: 'models' | 'evaluations' | 'checks'): Promise<readonly LedgerRow<'models' | 'evaluations' | 'checks'>[]> {
    // Without a check step there is nothing to read.
    if (table === 'checks' && !this.state.steps.some((step) => step.kind === 'check')) return Promise.resolve([]);
    return table === 'models' ? this.#source.ledger(this.document, 'models', { pipeline: this.state.pipeline }) : this.rows(table);
  }

  #say(trouble: string | null): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.#emit('trouble', { message: trouble });
  }

  #emit<N extends keyof RunEvents>(name: N, data: RunEvents[N]): void {
    this.#changes++;
    this.events.append(name, data);
  }
}

const keyOf = (step: string, trial: number): string => `${step}/${trial}`;

/** The status that a search has when its step has this one. */
function endOf(step: StepState): string {
  return step.status === 'cancelled' || step.status === 'failed' ? step.status : 'succeeded';
}

/** A console's source in memory, made of made-up runs: for load, for names that attack, and for servers that do not answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CannotConnectError, RefusedError, UnknownRunError } from '../../src/client/errors.ts';
import type { ClusterNow, RunSummary, ScheduleSummary } from '../../src/client/index.ts';
import type { Command, ConsoleSource } from '../../src/console/source.ts';
import type { TrialFiles } from '../../src/console/wire.ts';
import type { LedgerRow, LedgerTable } from '../../src/contract/ledger.ts';
import type { RunStatus, TrialState } from '../../src/contract/state.ts';
import type { ProgressRecord } from '../../src/contract/trial.ts';
import type { JobInfo } from '../../src/ports/compute.ts';
import type { MadeRun } from '../support/run-data.ts';

/** The same run with all its times moved, so that what is made up as running runs now. */
export function movedToNow<T extends { readonly now: number }>(made: T): T {
  const by = Date.now() - made.now;
  const move = (value: unknown): unknown => {
    if (typeof value === 'number') return value > 1.7e12 && value < 2e12 ? value + by : value;
    if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? new Date(Date.parse(value) + by).toISOString() : value;
    if (Array.isArray(value)) return value.map(move);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, move(one)]));
    return value;
  };
  return move(made) as T;
}

type Changeable<T> = { -readonly [K in keyof T]: T[K] };

export class FixtureSource implements ConsoleSource {
  readonly #runs = new Map<string, MadeRun>();
  readonly #models: LedgerRow<'models'>[] = [];
  readonly #records = new Map<string, ProgressRecord[]>();
  readonly #logs = new Map<string, string[]>();
  readonly sent: Command[] = [];
  /** Reads of the ledger so far. */
  ledgerReads = 0;
  /** Words with which every button is refused. */
  refusal: string | null = null;
  /** The server does not answer. */
  away = false;
  files_: TrialFiles = { checkpoints: [], exports: [] };

  readonly team = null;
  schedules_: ScheduleSummary[] = [];
  clusters_: ClusterNow[] = [];
  jobs_: JobInfo[] = [];

  constructor(runs: readonly MadeRun[], models: readonly LedgerRow<'models'>[] = []) {
    for (const run of runs) this.#runs.set(run.run.run, structuredClone(run));
    this.#models.push(...models);
  }

  /** Changes what the workflows answer from now on. */
  change(run: string, how: (run: MadeRun) => void): void {
    how(this.#made(run));
  }

  changeTrial(run: string, step: string, trial: number, how: (trial: Changeable<TrialState>) => void): void {
    const found = this.#made(run).searches[step]?.trials.find((one) => one.trial === trial);
    if (!found) throw new Error(`no trial ${trial} in the fixture`);
    how(found);
  }

  /** Trials that have a pool now. */
  placed(run: string, step: string): readonly { readonly trial: number }[] {
    return (this.#made(run).searches[step]?.trials ?? []).filter(({ pool }) => pool !== null);
  }

  /** The trainer of a trial writes a record. */
  report(output: string, record: Partial<ProgressRecord> & { readonly n: number }): void {
    const whole = {
      time: Date.now() / 1000,
      attempt: 1,
      kind: 'validation',
      epoch: 1,
      part: 0,
      step: record.n,
      samples: record.n,
      metrics: {},
      ...record,
    };
    this.#records.set(output, [...(this.#records.get(output) ?? []), whole as ProgressRecord]);
  }

  log(step: string, lines: readonly string[]): void {
    this.#logs.set(step, [...lines]);
  }

  workflowLink(workflowId: string): string {
    return `https://temporal.example/workflows/${encodeURIComponent(workflowId)}`;
  }

  async runs(): Promise<RunSummary[]> {
    this.#answer();
    return [...this.#runs.values()]
      .map(({ run, searches }) => ({
        run: run.run,
        pipeline: run.pipeline,
        status: run.status,
        bestObjective: Object.values(searches)[0]?.bestObjective ?? null,
        startedAt: run.startedAt,
        endedAt: run.endedAt,
      }))
      .sort((a, b) => b.startedAt - a.startedAt);
  }

  schedules = async (): Promise<ScheduleSummary[]> => this.schedules_;
  clusters = async (): Promise<ClusterNow[]> => this.clusters_;
  jobs = async (): Promise<JobInfo[]> => this.jobs_;

  // Copies, as an answer over the network is one.
  state = async (run: string): Promise<MadeRun['run']> => structuredClone(this.#made(run).run);
  graph = async (run: string): Promise<MadeRun['graph']> => this.#made(run).graph;
  document = async (run: string): Promise<MadeRun['document']> => this.#made(run).document;

  async search(run: string, step: string): Promise<MadeRun['searches'][string]> {
    const search = this.#made(run).searches[step];
    if (!search) throw new UnknownRunError(`${run}/${step}`);
    return structuredClone(search);
  }

  async ledger<T extends LedgerTable>(
    _document: MadeRun['document'],
    table: T,
    where: Readonly<Record<string, string | number>>,
  ): Promise<LedgerRow<T>[]> {
    this.ledgerReads++;
    this.#answer();
    const rows: LedgerRow[] = [...this.#runs.values()].flatMap((made): readonly LedgerRow[] => {
      switch (table) {
        case 'trials':
          return made.trials;
        case 'attempts':
          return made.attempts;
        case 'progress':
          return made.progress;
        case 'evaluations':
          return made.evaluations;
        case 'runs':
          return [rowOf(made)];
        case 'steps':
          return stepRowsOf(made);
        default:
          return [];
      }
    });
    const all = table === 'models' ? this.#models : rows;
    return all.filter((row) => Object.entries(where).every(([name, value]) => (row as Record<string, unknown>)[name] === value));
  }

  async progress(_document: MadeRun['document'], output: string, after: number): Promise<ProgressRecord[]> {
    return (this.#records.get(output) ?? []).filter((record) => record.n > after);
  }

  files = async (): Promise<TrialFiles> => this.files_;

  async *logs(_document: MadeRun['document'], _run: string, { step }: { readonly step: string }): AsyncIterable<string> {
    await sleep(0);
    yield* this.#logs.get(step) ?? [];
  }

  importance: ConsoleSource['importance'] = async (_run, _step, { trials, objective }) => ({
    evaluator: 'ped-anova',
    metric: objective.metric,
    trials: trials.length,
    parameters: [
      { name: 'learning_rate', importance: 0.62 },
      { name: 'units', importance: 0.21 },
      { name: 'dropout', importance: 0.17 },
    ],
  });

  async send(command: Command): Promise<{ text: string }> {
    this.#answer();
    this.sent.push(command);
    if (this.refusal !== null) throw new RefusedError(this.refusal);
    const status: RunStatus | null = command.name === 'pause' ? 'paused' : command.name === 'resume' ? 'running' : null;
    const made = this.#made(command.run);
    if (status !== null && command.step === undefined) made.run.status = status;
    const search = command.step === undefined ? undefined : made.searches[command.step];
    if (status !== null && search && command.payload.trial === undefined) search.status = status;
    return { text: `${command.name} was done` };
  }

  #made(run: string): MadeRun {
    this.#answer();
    const found = this.#runs.get(run);
    if (!found) throw new UnknownRunError(run);
    return found;
  }

  #answer(): void {
    if (this.away) throw new CannotConnectError('Temporal at 127.0.0.1:7233 does not answer', '127.0.0.1:7233');
  }
}

const stepRowsOf = ({ run }: MadeRun): LedgerRow<'steps'>[] =>
  run.steps.flatMap((step) =>
    step.endedAt === null
      ? []
      : [
          {
            pipeline: run.pipeline,
            run: run.run,
            time: new Date(step.endedAt).toISOString(),
            step: step.id,
            kind: step.kind,
            status: step.status,
            cost: step.cost,
            started_at: step.startedAt === null ? null : new Date(step.startedAt).toISOString(),
            ended_at: new Date(step.endedAt).toISOString(),
          },
        ],
  );

function rowOf({ run, document }: MadeRun): LedgerRow<'runs'> {
  return {
    pipeline: run.pipeline,
    run: run.run,
    time: new Date(run.startedAt).toISOString(),
    document_hash: document.hash,
    status: run.status,
    started_at: new Date(run.startedAt).toISOString(),
    ...(run.endedAt === null ? {} : { ended_at: new Date(run.endedAt).toISOString(), cost: run.cost }),
  };
}

/** A run as this page knows it: read once, then kept up by events. */
import type { SearchState, TrialState } from '../../contract/state.ts';
import { attemptsOf, runningAttempts, trialOfState, type AttemptView, type TrialView } from '../../present/charts/views.ts';
import type { AttemptRow, Point, RunEvents, RunView } from '../wire.ts';
import { listen, readBesideEvents, type Connection } from './events.ts';
import { api, get, RequestError } from './request.ts';
import { Store } from './store.ts';
import { GRACES } from '../../rules/durations.ts';

type PointsListener = (event: RunEvents['points']) => void;

export class RunStore extends Store {
  readonly run: string;
  view: RunView | null = null;
  error: RequestError | null = null;
  connection: Connection = 'connecting';
  /** Counts changes of models and evaluations; pages that show them read them again. */
  results = 0;
  readonly #pointListeners = new Set<PointsListener>();
  #close: (() => void) | null = null;
  #closed = false;

  constructor(run: string) {
    super();
    this.run = run;
    void this.#read();
  }

  close(): void {
    this.#closed = true;
    this.#close?.();
  }

  onPoints(listener: PointsListener): () => void {
    this.#pointListeners.add(listener);
    return () => this.#pointListeners.delete(listener);
  }

  async #read(): Promise<void> {
    try {
      this.view = await get<RunView>(api`/runs/${this.run}`);
      this.error = null;
      if (!this.#closed && this.#close === null) this.#listen(this.view.cursor);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.error = error;
      if (!this.#closed && error.status !== 404 && error.status !== 401) setTimeout(() => void this.#read(), GRACES.pageReadAgainMs);
    }
    this.changed();
  }

  #listen(cursor: string): void {
    this.#close = listen({
      path: `${api`/runs/${this.run}/events`}?after=${encodeURIComponent(cursor)}`,
      onConnection: (connection) => {
        this.connection = connection;
        this.changed();
      },
      on: {
        run: (state: RunEvents['run']) => this.#update({ state }),
        search: (event: RunEvents['search']) => this.#search(event),
        attempts: (rows: RunEvents['attempts']) => this.#update({ attempts: merged(this.view?.attempts ?? [], rows) }),
        trouble: ({ message }: RunEvents['trouble']) => this.#update({ trouble: message }),
        results: () => {
          this.results++;
          this.changed();
        },
        points: (event: RunEvents['points']) => {
          for (const listener of this.#pointListeners) listener(event);
        },
        reset: ({ cursor: events }: RunEvents['reset']) =>
          void readBesideEvents(events, async () => {
            if (!this.#closed) await this.#read();
            return this.view?.cursor ?? null;
          }),
      },
    });
  }

  #search({ step, search, trials }: RunEvents['search']): void {
    const known = new Map((this.view?.searches[step]?.trials ?? []).map((trial) => [trial.trial, trial]));
    for (const trial of trials) known.set(trial.trial, trial);
    const all: TrialState[] = [...known.values()].sort((a, b) => a.trial - b.trial);
    this.#update({ searches: { ...this.view?.searches, [step]: { ...search, trials: all } } });
  }

  #update(part: Partial<RunView>): void {
    if (this.view) this.view = { ...this.view, ...part };
    this.changed();
  }
}

const keyOf = (row: AttemptRow): string => `${String(row.step)}/${String(row.trial)}/${String(row.attempt)}`;

function merged(known: readonly AttemptRow[], fresh: readonly AttemptRow[]): AttemptRow[] {
  const all = new Map(known.map((row) => [keyOf(row), row]));
  for (const row of fresh) all.set(keyOf(row), row);
  return [...all.values()];
}

export const trialViews = (search: SearchState): TrialView[] => search.trials.map((trial) => trialOfState(search.step, trial));
export const allTrials = (view: RunView): TrialView[] => Object.values(view.searches).flatMap(trialViews);

/** Ended attempts from the ledger and the ones that run now. */
export function allAttempts(view: RunView): AttemptView[] {
  const ended = attemptsOf(view.attempts);
  const spot = new Map(view.pools.map((pool) => [pool.name, pool.spot]));
  const running = runningAttempts(allTrials(view), ended);
  return [...ended, ...running.map((attempt) => ({ ...attempt, spot: spot.get(attempt.pool) ?? false }))];
}

/** What charts and tables of curves need of a progress record. */
export const isValidation = (point: Point): boolean => point.kind === 'validation';

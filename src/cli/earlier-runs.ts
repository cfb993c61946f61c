/** What earlier runs of a pipeline took, as far as it tells what a run of this document will take. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import { documentUri } from '../contract/state.ts';
import type { SearchSpec } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';
import type { ObjectStore, Warehouse } from '../ports/index.ts';
import { objectOf } from '../present/charts/views.ts';
import { referencesOf } from '../rules/bind.ts';
import { likenessOf, type Likeness } from '../rules/likeness.ts';

/** Older ones say little about what is written now. */
export const MAX_EARLIER_RUNS = 10;

export interface Earlier {
  readonly trials: readonly LedgerRow<'trials'>[];
  /** Of its profile alone: other machines have other prices. */
  readonly runs: readonly LedgerRow<'runs'>[];
  /** `trials` with the time and cost of as much training as one of this document's has. */
  readonly comparable: readonly LedgerRow<'trials'>[];
  /** Searches of earlier runs that were otherwise. */
  readonly unlike: readonly Unlike[];
}

interface Unlike extends Likeness {
  readonly run: string;
  readonly step: string;
}

interface Places {
  readonly warehouse: Warehouse;
  readonly store: ObjectStore;
}

/** @param made what steps have made before that would not be made again, by step */
export async function earlierOf(
  document: RunDocument,
  made: ReadonlyMap<string, Readonly<Record<string, Json>>>,
  { warehouse, store }: Places,
): Promise<Earlier> {
  const { pipeline, profileName } = document;
  const [trials, runs, steps] = await Promise.all([
    warehouse.ledger('trials', { pipeline }),
    warehouse.ledger('runs', { pipeline }),
    warehouse.ledger('steps', { pipeline }),
  ]);
  const here = runs.filter(({ profile }) => profile === profileName);
  const rowsNow = (step: string): number | null => rowsOf(made.get(step) ?? {});
  const unlike = await Promise.all(
    newest(here, trials).map(async (row): Promise<Unlike[]> => {
      const before = await recordedDocument(row, store);
      const rowsThen = (step: string): number | null =>
        rowsOf(objectOf(steps.find((one) => one.run === row.run && one.step === step)?.outputs));
      return before === null ? [] : unlikeIn(document, row.run, before, { rowsNow, rowsThen });
    }),
  );
  return { trials, runs: here, comparable: comparableOf(trials, unlike.flat()), unlike: unlike.flat() };
}

/** The document of an earlier run; null where it is gone, torn, or of a version that is not read any more. */
export async function recordedDocument(
  { run, document_uri: uri }: Pick<LedgerRow<'runs'>, 'run' | 'document_uri'>,
  store: ObjectStore,
): Promise<RunDocument | null> {
  // A project that was moved has it at the same place of its store.
  const isThere = typeof uri === 'string' && uri.startsWith(`${store.root}/`);
  const object = await store.read(isThere ? uri : documentUri(store.root, run));
  if (object === null) return null;
  // Loaded here: the schemas are most of what a command would have to read before it answers.
  const { RunDocument: schema } = await import('../contract/run-document.ts');
  const document = schema.safeParse(jsonOf(new TextDecoder().decode(object.data)));
  return document.success ? document.data : null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const newestFirst = <R extends Pick<LedgerRow<'runs'>, 'started_at'>>(runs: readonly R[]): R[] =>
  runs.toSorted((a, b) => String(b.started_at ?? '').localeCompare(String(a.started_at ?? '')));

function newest(runs: readonly LedgerRow<'runs'>[], trials: readonly LedgerRow<'trials'>[]): LedgerRow<'runs'>[] {
  const trained = new Set(trials.map(({ run }) => run));
  return newestFirst(runs.filter(({ run }) => trained.has(run))).slice(0, MAX_EARLIER_RUNS);
}

const rowsOf = ({ rows }: Readonly<Record<string, Json>>): number | null => (typeof rows === 'number' && rows > 0 ? rows : null);

interface Sizes {
  readonly rowsNow: (step: string) => number | null;
  readonly rowsThen: (step: string) => number | null;
}

const searchesIn = ({ steps }: RunDocument): { id: string; spec: SearchSpec }[] =>
  steps.flatMap(({ id, spec }) => (spec.kind === 'search' ? [{ id, spec }] : []));

function unlikeIn(document: RunDocument, run: string, before: RunDocument, { rowsNow, rowsThen }: Sizes): Unlike[] {
  return searchesIn(document).flatMap(({ id, spec }) => {
    const then = searchesIn(before).find((search) => search.id === id)?.spec;
    if (then === undefined) return [];
    const likeness = likenessOf(spec, then, { now: trained(spec, rowsNow), then: trained(then, rowsThen) });
    return likeness === null ? [] : [{ run, step: id, ...likeness }];
  });
}

/** Rows of what a search trains on, where another step makes it. */
function trained(spec: SearchSpec, rows: (step: string) => number | null): number | null {
  const train = spec.data['train'] ?? Object.values(spec.data)[0];
  const made = referencesOf(spec).find(({ step, output }) => train?.includes(`{steps.${step}.outputs.${output}}`));
  return made === undefined ? null : rows(made.step);
}

function comparableOf(trials: readonly LedgerRow<'trials'>[], unlike: readonly Unlike[]): LedgerRow<'trials'>[] {
  const isWhole = ({ status }: LedgerRow<'trials'>): boolean => status === 'succeeded';
  const withWhole = new Set(trials.filter(isWhole).map(({ run, step }) => `${run} ${String(step)}`));
  return trials.flatMap((row) => {
    const likeness = unlike.find(({ run, step }) => run === row.run && step === row.step);
    if (likeness === undefined) return [row];
    if (likeness.onlyWhole && !isWhole(row) && withWhole.has(`${row.run} ${String(row.step)}`)) return [];
    return [{ ...row, seconds: Number(row.seconds ?? 0) * likeness.factor, cost: Number(row.cost ?? 0) * likeness.factor }];
  });
}

/** Code and requirements that runs have shipped: `src/rules/code-garbage.ts` decides by everybody who may ask for them again. */
import type { LedgerRow } from '../../contract/ledger.ts';
import type { Profile } from '../../contract/profile.ts';
import { inTurns } from '../../ports/in-turns.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { Warehouse } from '../../ports/index.ts';
import { decideCode, digestsIn, whyCodeIsNeeded } from '../../rules/code-garbage.ts';
import { GRACES } from '../../rules/durations.ts';
import { textsIn, type Reference } from '../../rules/garbage.ts';
import type { ContentUser } from '../../rules/kept-by-content.ts';
import { CacheRecord } from '../../cache/records.ts';
import { unusedContent } from './by-content.ts';
import type { StoredDocument } from './documents.ts';
import type { GarbageOptions, Runs } from './parts.ts';
import { stateOf } from './parts.ts';
import type { Found, GarbageResult, Removal } from './removal.ts';
import { whyInUse } from './trials.ts';

const DAY_MS = 86_400_000;
const READS = 16;

interface Context {
  readonly runs: Runs;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly profile: Profile;
  readonly trials: readonly LedgerRow<'trials'>[];
  readonly options: GarbageOptions;
  readonly open: readonly Reference[];
  readonly documents: () => Promise<readonly StoredDocument[]>;
  /** What was found of all other kinds, whether it goes or stays. */
  readonly others: readonly Found[];
}

export function unusedCode(context: Context, result: GarbageResult): Promise<Removal[]> {
  const kind = { what: 'code', pattern: /\/code\/([0-9a-f]{64})$/, users: () => everyUser(context), decide: decideCode } as const;
  return unusedContent(context.store, 'code', kind, context.options, result);
}

async function everyUser(context: Context): Promise<ContentUser[]> {
  const { runs, warehouse, trials, open } = context;
  const schedules = (await runs.schedules.documents()).map(({ name, document }): ContentUser => {
    const needs = document === null ? 'it could not tell what it runs' : 'it runs it';
    return { who: `schedule ${name}`, names: document === null ? null : digestsIn(textsIn(document)), needs };
  });
  const opened = open.map(({ who, texts }): ContentUser => {
    const needs = texts === null ? 'it could not tell what it uses' : 'it may start it at any time';
    return { who, names: texts === null ? null : digestsIn(texts), needs };
  });
  const ends = new Map((await warehouse.ledger('runs')).map((row) => [row.run, timeOf(row.ended_at)]));
  const outputs = Map.groupBy(trials, ({ run }) => run);
  const made = await madeBy(context);
  const documents = await inTurns(await context.documents(), READS, async ({ run, uri, digests }): Promise<ContentUser[]> => {
    if (digests?.size === 0) return [];
    const who = `run ${run}`;
    if (digests === null) return [{ who, names: null, needs: `its document cannot be read: ${uri}` }];
    const state = await stateOf(runs, run);
    const needs = whyCodeIsNeeded(
      {
        state,
        endedAt: ends.get(run) ?? null,
        busy: state === 'ended' ? await whyInUse(runs, run) : null,
        places: placesOf(outputs.get(run) ?? [], context.others),
        models: made.models.get(run) ?? [],
        records: made.records.get(run) ?? [],
      },
      endedBefore(context),
    );
    return [{ who, names: digests, needs }];
  });
  return [...schedules, ...opened, ...documents.flat()];
}

/** ms since 1970: runs that ended later may be gone on with. */
function endedBefore({ profile, options }: Context): number {
  return Math.min(options.before, Date.now() - (profile.checkpoints?.keepDays ?? GRACES.checkpointsKeptDays) * DAY_MS);
}

/** Checkpoints and pairs for audits, of which this `gc` has found that they are there. */
function placesOf(trials: readonly LedgerRow<'trials'>[], others: readonly Found[]): string[] {
  return others.flatMap(({ what, name }) => {
    const [place = ''] = name.split(' ');
    const has = ({ output }: LedgerRow<'trials'>): boolean =>
      what === 'checkpoints' ? String(output).startsWith(`${place}/`) : what === 'audit pair' && place === `${String(output)}/audits`;
    return trials.some(has) ? [name] : [];
  });
}

interface MadeByRuns {
  readonly models: ReadonlyMap<string, readonly string[]>;
  readonly records: ReadonlyMap<string, readonly string[]>;
}

/** By run: models that stay, and records of the cache that stay. */
async function madeBy({ store, warehouse, options, others }: Context): Promise<MadeByRuns> {
  const staged = (await warehouse.ledger('models')).filter(({ stage }) => !options.candidates || stage !== 'candidate');
  const models = Map.groupBy(staged, ({ run }) => run);
  const records = new Map<string, string[]>();
  const kept = others.filter(({ what }) => what === 'cache record').map(({ name }) => name);
  await inTurns(kept, READS, async (name) => {
    const object = await store.read(name);
    if (object === null) return;
    const run = makerIn(object.data);
    if (run !== null) records.set(run, [...(records.get(run) ?? []), name]);
  });
  const named = (rows: readonly LedgerRow<'models'>[]): string[] => rows.map(({ model, stage }) => `${String(model)} (${String(stage)})`);
  return { models: new Map([...models].map(([run, rows]) => [run, named(rows)])), records };
}

/** The run that made what the record names; null: it cannot be read, and nothing is reused by it. */
function makerIn(record: Uint8Array): string | null {
  try {
    return CacheRecord.parse(JSON.parse(new TextDecoder().decode(record))).by.run;
  } catch {
    return null;
  }
}

const timeOf = (time: unknown): number | null => (typeof time === 'string' ? Date.parse(time) : null);

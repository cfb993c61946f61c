/** Which windows of a run's trials are trained again: those that were kept, within the share. */
import { type AuditedPair, type AuditInput, type AuditPlan, Pair } from '../../src/contract/audit.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { type Latest, TrialJson } from '../../src/contract/trial.ts';
import type { ObjectStore, Warehouse } from '../../src/ports/index.ts';
import { inTurns } from '../../src/ports/in-turns.ts';
import { chooseWithin } from '../../src/rules/audits.ts';
import { failure } from '../failures.ts';
import { readJson, readLatest } from '../trial-files.ts';
import { MAX_PAIR_BYTES, MIB } from './repetition.ts';

/** Reasons that are told one by one. */
const SHOWN = 5;

export async function drawAudit(
  store: ObjectStore,
  warehouse: Warehouse,
  { run, share }: Pick<AuditInput, 'run' | 'share'>,
): Promise<AuditPlan> {
  const [trials, attempts, audited] = await Promise.all([
    warehouse.ledger('trials', { run }),
    warehouse.ledger('attempts', { run }),
    warehouse.ledger('audits', { run }),
  ]);
  const pairs: AuditedPair[] = [];
  const without: string[] = [];
  let trained = 0;
  for (const { row, latest, before, found } of await inTurns(trials, AT_ONCE, (row) => keptOf(store, row))) {
    const [step, trial] = [String(row.step), Number(row.trial)];
    if (latest === null) continue;
    trained += Math.max(0, latest.samples - before);
    if (found === null) {
      without.push(`trial ${trial} of ${step} has none after ${latest.step} training steps`);
      continue;
    }
    const { from, to } = found.pair;
    const attempt = attempts.find((one) => one.step === step && Number(one.trial) === trial && Number(one.attempt) === to.attempt);
    pairs.push({
      step,
      trial,
      uri: found.uri,
      checkpoint: from.checkpoint,
      from: from.step,
      to: to.step,
      samples: to.samples - from.samples,
      pool: typeof attempt?.pool === 'string' ? attempt.pool : null,
    });
  }
  const { chosen, left } = chooseWithin(pairs, run, trained, share);
  if (chosen.length === 0)
    throw failure('InvalidInput', nothingToAudit({ run, share, trials: trials.length, pairs, without, before: audited.length }));
  return { pairs: chosen, trained, left, without };
}

interface Nothing {
  readonly run: string;
  readonly share: number;
  readonly trials: number;
  readonly pairs: readonly AuditedPair[];
  readonly without: readonly string[];
  /** Windows that were compared before. */
  readonly before: number;
}

function nothingToAudit({ run, share, trials, pairs, without, before }: Nothing): string {
  if (trials === 0)
    return `${run} has no trials that have ended: expected a run that trained by itself (a search that came from the cache was trained by the run that made it)`;
  if (pairs.length > 0)
    return `each pair of checkpoints of ${run} is more than a share of ${share} of what was trained; the smallest needs ${Math.min(...pairs.map(({ samples }) => samples))} samples: give a larger --share`;
  if (before > 0)
    return `all pairs of checkpoints that ${run} had kept were audited before (${before}): \`longhaul report ${run}\` has the certificates`;
  const shown = without.slice(0, SHOWN).join('; ');
  return `${run} has kept no pair of checkpoints (${shown || 'nothing was committed'}): a training of fewer steps than twice 1 / share has none, nor one with audit.share: 0, one whose checkpoint is larger than what is kept unasked (audit: { share: ${share} } keeps any), or a trainer that keeps none; a larger audit.share in the search keeps one sooner`;
}

/** So many requests to the store at once. */
const AT_ONCE = 16;

async function keptOf(store: ObjectStore, row: LedgerRow<'trials'>): Promise<Kept> {
  const output = String(row.output);
  const [latest, found, before] = await Promise.all([readLatest(store, output), pairOf(store, output), trainedByParent(store, row)]);
  return { row, latest, before, found };
}

interface Kept {
  readonly row: LedgerRow<'trials'>;
  readonly latest: Latest | null;
  /** Samples that a fork's parent had trained. */
  readonly before: number;
  readonly found: { readonly uri: string; readonly pair: Pair } | null;
}

async function trainedByParent(store: ObjectStore, { parent_trial: parent, output }: LedgerRow<'trials'>): Promise<number> {
  if (typeof parent !== 'number') return 0;
  const fork = (await readJson(TrialJson, store, `${String(output)}/trial.json`, MIB))?.fork;
  return fork === undefined ? 0 : ((await readLatest(store, fork.output))?.samples ?? 0);
}

/** The newest. */
async function pairOf(store: ObjectStore, output: string): Promise<{ readonly uri: string; readonly pair: Pair } | null> {
  let newest: { readonly uri: string; readonly number: number } | null = null;
  for await (const { uri } of store.list(`${output}/audits/`)) {
    const number = Number(/\/audits\/(\d+)\/pair\.json$/.exec(uri)?.[1] ?? -1);
    if (number > (newest?.number ?? -1)) newest = { uri, number };
  }
  if (newest === null) return null;
  const pair = await readJson(Pair, store, newest.uri, MAX_PAIR_BYTES);
  return pair && { uri: newest.uri.replace(/\/pair\.json$/, ''), pair };
}

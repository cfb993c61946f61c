/** Compares a window with its repetitions; the certificate of what came of it, and its row in the ledger. */
import type { Pair } from '../../src/contract/audit.ts';
import {
  Certificate,
  type FirstDifference,
  type JudgeInput,
  type Judgement,
  type Place,
  Repeated,
  type Side,
} from '../../src/contract/audit.ts';
import { canonicalJson } from '../../src/contract/canonical-json.ts';
import { ledgerKey } from '../../src/contract/ids.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { ObjectStore, Warehouse } from '../../src/ports/index.ts';
import { firstDifference, isWhole, machineChanges, verdictOf, whyOf } from '../../src/rules/audits.ts';
import { readJson } from '../trial-files.ts';
import { MAX_PAIR_BYTES, MIB, readPair, trialOutputOf } from './repetition.ts';

/** Names of tensors in a certificate. */
const MAX_TENSORS = 20;

export async function judgePair(store: ObjectStore, warehouse: Warehouse, input: JudgeInput): Promise<Judgement> {
  const { pair: chosen, outputs, final } = input;
  const known = await readJson(Certificate, store, certificateUri(input), MIB);
  if (known !== null) return settled(store, warehouse, input, known);
  const pair = await readPair(store, chosen);
  const repeated = async (side: Side): Promise<Repeated | null> => {
    const output = outputs[side];
    const found = output === undefined ? null : await readJson(Repeated, store, `${output}/repeat.json`, MAX_PAIR_BYTES);
    return found && isWhole(pair, found) ? found : null;
  };
  const [again, origin, closer] = await Promise.all([repeated('again'), repeated('origin'), repeated('closer')]);
  if (again === null) {
    const why = input.failure ?? 'its training ended without a record of the window’s end';
    return certify(store, warehouse, input, { pair, again, verdict: 'unknown', first: null, failure: why });
  }
  const from = pair.from.step;
  const first = firstDifference(pair, again, from);
  const others = origin === null ? undefined : firstDifference(origin, closer ?? again, from);
  const verdict = verdictOf(first, origin === null ? undefined : firstDifference(pair, origin, from), others);
  // Where the machine makes the difference, two repetitions with a look at every step know it best.
  const shown = verdict === 'machine' && others?.exact ? others : first;
  if (!final && first !== null) return { first: brief(first), result: null };
  return certify(store, warehouse, input, { pair, again, verdict, first: brief(shown), failure: null });
}

interface Found {
  readonly pair: Pair;
  readonly again: Repeated | null;
  readonly verdict: Certificate['verdict'];
  readonly first: Certificate['first'];
  readonly failure: string | null;
}

/** A large model has thousands. */
const brief = (first: FirstDifference | null): FirstDifference | null =>
  first && { ...first, tensors: first.tensors.slice(0, MAX_TENSORS) };

const auditOf = ({ run, name }: JudgeInput): string => name.slice(run.length + 1);
const certificateUri = (input: JudgeInput): string => `${trialOutputOf(input.pair)}/certificates/${auditOf(input)}.json`;

async function certify(store: ObjectStore, warehouse: Warehouse, input: JudgeInput, found: Found): Promise<Judgement> {
  const { pair, again, verdict, first } = found;
  const { run, name, pair: chosen } = input;
  const { step, trial } = chosen;
  const uri = certificateUri(input);
  const place = async (of: string, attempt: number, machine: Place['machine']): Promise<Place> => {
    const rows = await warehouse.ledger('attempts', { run: of });
    const row = rows.find((one) => one.step === step && Number(one.trial) === trial && Number(one.attempt) === attempt);
    return { pool: textOf(row?.pool), node: textOf(row?.node), machine };
  };
  const last = again?.attempts.at(-1);
  const repeated = last ? await place(name, last.attempt, last.machine) : null;
  const original = await place(run, pair.to.attempt, pair.to.machine);
  const certificate: Certificate = {
    version: 1,
    audit: auditOf(input),
    run,
    step,
    trial,
    time: Date.now(),
    from: chosen.from,
    to: chosen.to,
    samples: chosen.samples,
    tensors: pair.names.length,
    boundaries: pair.points.length - 1,
    original,
    repeated,
    verdict,
    first,
    why: whyOf(verdict, machineChanges(original.machine, repeated?.machine ?? original.machine), found.failure),
    uri,
  };
  await store.write(uri, canonicalJson(certificate), { contentType: 'application/json' });
  return settled(store, warehouse, input, certificate);
}

/** What follows from a certificate that is written: its row, and a pair that is equal is not kept any longer. Any of it may be done already. */
async function settled(store: ObjectStore, warehouse: Warehouse, input: JudgeInput, certificate: Certificate): Promise<Judgement> {
  const { audit, run, step, trial, from, to, samples, verdict, first, why, uri, original, repeated } = certificate;
  await warehouse.append('audits', [rowOf(input.pipeline, certificate)], ledgerKey(run, 'audits', audit, step, trial));
  if (verdict === 'equal') for await (const object of store.list(`${input.pair.uri}/`)) await store.remove(object.uri);
  const result = { step, trial, from, to, samples, verdict, first, why, uri, pool: original.pool, repeatedPool: repeated?.pool ?? null };
  return { first, result };
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const rowOf = (pipeline: string, one: Certificate): LedgerRow<'audits'> => ({
  pipeline,
  run: one.run,
  time: new Date(one.time).toISOString(),
  audit: one.audit,
  step: one.step,
  trial: one.trial,
  from_step: one.from,
  to_step: one.to,
  samples: one.samples,
  pool: one.original.pool,
  node: one.original.node,
  repeated_pool: one.repeated?.pool ?? null,
  repeated_node: one.repeated?.node ?? null,
  verdict: one.verdict,
  first_step: one.first?.step ?? null,
  first_tensor: one.first?.tensors[0] ?? null,
  detail: one.why,
  certificate: one.uri,
});

/** Audits: which windows were kept, what a trial needs that trains one again, and the certificate of what came of it. */
import type {
  AuditedPair,
  AuditInput,
  AuditPlan,
  AuditState,
  FirstDifference,
  JudgeInput,
  Judgement,
  Place,
  Repetition,
  RepetitionInput,
  Side,
} from '../src/contract/audit.ts';
import { Certificate, Pair, Repeated } from '../src/contract/audit.ts';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import { ledgerKey } from '../src/contract/ids.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import { RunDocument } from '../src/contract/run-document.ts';
import { auditUri, documentUri } from '../src/contract/state.ts';
import type { SearchSpec } from '../src/contract/steps.ts';
import { TrialJson, type Latest } from '../src/contract/trial.ts';
import { trialSpec, type TrialSpec } from '../src/contract/trial-spec.ts';
import type { Json } from '../src/contract/values.ts';
import type { ObjectStore, Ports, Warehouse } from '../src/ports/index.ts';
import { inTurns } from '../src/ports/in-turns.ts';
import { chooseWithin, firstDifference, isWhole, machineChanges, verdictOf, whyOf } from '../src/rules/audits.ts';
import { bindSpec } from '../src/rules/bind.ts';
import { emptyCarried } from '../src/rules/reopened-trials.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { readJson, readLatest } from './trial-files.ts';

const MIB = 1024 * 1024;
/** 65,536 digests at most. */
const MAX_PAIR_BYTES = 8 * MIB;
const MAX_DOCUMENT_BYTES = 4 * MIB;
/** Reasons that are told one by one. */
const SHOWN = 5;
/** Names of tensors in a certificate. */
const MAX_TENSORS = 20;

export const createAuditActivities = (ports: Ports) =>
  translated({
    /** @throws failure('InvalidInput') where nothing was kept that keeps within the share */
    async drawAudit(input: Pick<AuditInput, 'run' | 'profile' | 'share'>): Promise<AuditPlan> {
      return opened(ports, input, drawAudit);
    },

    /** Writes trial.json of the repetition, which is that of the trial but for where it writes and what it is to train. */
    async prepareRepetition(input: RepetitionInput): Promise<Repetition> {
      return opened(ports, input, prepareRepetition);
    },

    /** Compares the trainings of a window that there are; asked again after its certificate was written, it goes by that. */
    async judgePair(input: JudgeInput): Promise<Judgement> {
      return opened(ports, input, judgePair);
    },

    /** What came of all of it, beside the run's document. */
    async closeAudit(input: Pick<AuditInput, 'run' | 'profile'> & { readonly state: AuditState }): Promise<{ readonly uri: string }> {
      return withHeartbeat(async () => {
        const store = await ports.store(input.profile);
        const uri = auditUri(store.root, input.run, input.state.audit);
        await store.write(uri, canonicalJson(input.state), { contentType: 'application/json' });
        return { uri };
      });
    },
  });
export type AuditActivities = ReturnType<typeof createAuditActivities>;

const opened = <I extends Pick<AuditInput, 'profile'>, R>(
  ports: Ports,
  input: I,
  work: (store: ObjectStore, warehouse: Warehouse, input: I) => Promise<R>,
): Promise<R> =>
  withHeartbeat(async () => {
    const [store, warehouse] = await Promise.all([ports.store(input.profile), ports.warehouse(input.profile)]);
    return work(store, warehouse, input);
  });

async function drawAudit(store: ObjectStore, warehouse: Warehouse, { run, share }: Pick<AuditInput, 'run' | 'share'>): Promise<AuditPlan> {
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

const trialOutputOf = (pair: AuditedPair): string => pair.uri.replace(/\/audits\/\d+$/, '');
const sideName = (name: string, side: Side): string => (side === 'again' ? name : `${name}.${side}`);

async function prepareRepetition(store: ObjectStore, warehouse: Warehouse, input: RepetitionInput): Promise<Repetition> {
  const { pair, side, dense } = input;
  const uri = `${trialOutputOf(pair)}/trial.json`;
  const original = await readJson(TrialJson, store, uri, MIB);
  if (original === null) throw failure('InvalidInput', `${uri}: it is gone; expected the document of trial ${pair.trial}`);
  const run = sideName(input.name, side);
  const output = `${pair.uri}/${run.slice(input.run.length + 1)}`;
  const repeat = { pair: pair.uri, checkpoint: pair.checkpoint, dense: dense && ([dense[0], dense[1]] as [number, number]) };
  const { audit: _audit, ...same } = original;
  await store.write(`${output}/trial.json`, canonicalJson({ ...same, run, output, repeat }), { contentType: 'application/json' });
  const found = await readPair(store, pair);
  return {
    run,
    pipeline: original.pipeline,
    step: original.step,
    trial: original.trial,
    parameters: original.parameters,
    // Everything that decides about the training is in trial.json; of the step comes what a Job is made of.
    spec: {
      ...jobOf(await boundSpec(store, warehouse, input)),
      data: original.data,
      seed: original.seed,
      epochs: original.epochs,
      objective: original.objective,
      checkpoint: {
        minSeconds: original.checkpoint.minSeconds,
        maxSeconds: original.checkpoint.maxSeconds,
        keep: original.checkpoint.keep,
      },
      parts: original.parts,
      threads: original.threads,
      ...(original.model === undefined ? {} : { model: original.model }),
    },
    output,
    commit: original.commit,
    search: null,
    priority: 0,
    deadlineAt: null,
    fork: original.fork ?? null,
    resumed: { ...emptyCarried(), samples: found.from.samples },
    repeat,
  };
}

/** The feature table is in trial.json; its file may be gone. */
function jobOf(spec: SearchSpec): TrialSpec {
  const { features: _features, model: _model, ...job } = trialSpec(spec);
  return job;
}

async function boundSpec(store: ObjectStore, warehouse: Warehouse, { run, pair }: RepetitionInput): Promise<SearchSpec> {
  const document = await readJson(RunDocument, store, documentUri(store.root, run), MAX_DOCUMENT_BYTES);
  const step = [...(document?.steps ?? []), ...(document?.onExit ?? [])].find(({ id }) => id === pair.step);
  if (step?.spec.kind !== 'search')
    throw failure(
      'InvalidInput',
      `${documentUri(store.root, run)}: expected the search ${pair.step}, found ${step?.spec.kind ?? 'nothing'}`,
    );
  const rows = await warehouse.ledger('steps', { run });
  const outputs = new Map(rows.map((row) => [String(row.step), outputsOf(row)]));
  const key = rows.find((row) => row.step === pair.step)?.cache_key;
  return bindSpec(step.spec, {
    run,
    output: ({ step: id, output }) => outputs.get(id)?.[output],
    ...(typeof key === 'string' ? { key } : {}),
  });
}

const outputsOf = (row: LedgerRow<'steps'>): Readonly<Record<string, Json>> =>
  typeof row.outputs === 'string' ? (JSON.parse(row.outputs) as Record<string, Json>) : {};

async function readPair(store: ObjectStore, { uri }: AuditedPair): Promise<Pair> {
  const pair = await readJson(Pair, store, `${uri}/pair.json`, MAX_PAIR_BYTES);
  if (pair === null) throw failure('InvalidInput', `${uri}/pair.json: the pair of checkpoints is gone`);
  return pair;
}

async function judgePair(store: ObjectStore, warehouse: Warehouse, input: JudgeInput): Promise<Judgement> {
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

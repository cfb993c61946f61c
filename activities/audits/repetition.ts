/** The trial of an audit that trains a window again: that of the run but for where it writes and what it is to train. */
import { type AuditedPair, Pair, type Repetition, type RepetitionInput, type Side } from '../../src/contract/audit.ts';
import { canonicalJson } from '../../src/contract/canonical-json.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { RunDocument } from '../../src/contract/run-document.ts';
import { documentUri } from '../../src/contract/state.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { TrialJson } from '../../src/contract/trial.ts';
import { trialSpec, type TrialSpec } from '../../src/contract/trial-spec.ts';
import type { Json } from '../../src/contract/values.ts';
import type { ObjectStore, Warehouse } from '../../src/ports/index.ts';
import { bindSpec } from '../../src/rules/bind.ts';
import { emptyCarried } from '../../src/rules/reopened-trials.ts';
import { failure } from '../failures.ts';
import { readJson } from '../trial-files.ts';

export const MIB = 1024 * 1024;
/** 65,536 digests at most. */
export const MAX_PAIR_BYTES = 8 * MIB;
const MAX_DOCUMENT_BYTES = 4 * MIB;

export const trialOutputOf = (pair: AuditedPair): string => pair.uri.replace(/\/audits\/\d+$/, '');
const sideName = (name: string, side: Side): string => (side === 'again' ? name : `${name}.${side}`);

export async function prepareRepetition(store: ObjectStore, warehouse: Warehouse, input: RepetitionInput): Promise<Repetition> {
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

export async function readPair(store: ObjectStore, { uri }: AuditedPair): Promise<Pair> {
  const pair = await readJson(Pair, store, `${uri}/pair.json`, MAX_PAIR_BYTES);
  if (pair === null) throw failure('InvalidInput', `${uri}/pair.json: the pair of checkpoints is gone`);
  return pair;
}

/** The key of a step in the cache, and what was made before under it. */
import type { Shipped } from '../contract/code.ts';
import type { Json, OutputType, Profile, Step, StepSpec } from '../contract/index.ts';
import type { Ports } from '../ports/index.ts';
import { canonicalJson, sha256 } from '../contract/canonical-json.ts';
import { AdapterError } from '../contract/errors.ts';
import { codeIdentity, identify, inputsOf } from './identity.ts';
import type { TypedValue } from './identity.ts';
import { ranTheSame } from './images.ts';
import { createStepCache } from './records.ts';
import type { CacheRecord, StepCache } from './records.ts';

export const KEY_DIGITS = 12;
export const CACHE_VERSION = 1;
export interface PrepareInput {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: Profile;
  /** References are bound, `{key}` is not. */
  readonly step: Pick<Step, 'id' | 'cache' | 'spec'>;
  /** Tables and URIs that came from other steps. */
  readonly references: readonly { readonly type: OutputType; readonly value: Json }[];
  readonly startedAt: number;
  /** Wait for another run that makes the same, instead of answering `busy`. */
  readonly wait: boolean;
}

/** What the cache would answer, without a claim and without a trace: for `longhaul plan`. */
export async function lookUp(
  ports: Ports,
  input: PrepareInput,
): Promise<{ readonly key: string; readonly outputs: Readonly<Record<string, Json>> | null }> {
  const digest = await digestOf(ports, input);
  const key = digest.slice(0, KEY_DIGITS);
  const cache = createStepCache(await ports.store(input.profile), () => Promise.resolve(false));
  const record = input.step.cache ? await usableRecord(ports, input, cache, key, digest) : null;
  return { key, outputs: record?.outputs ?? null };
}

export async function digestOf(ports: Ports, input: PrepareInput): Promise<string> {
  const { spec } = input.step;
  const { root } = await ports.store(input.profile);
  const referenced = input.references.flatMap(({ type, value }): TypedValue[] =>
    (type === 'table' || type === 'uri') && typeof value === 'string' ? [{ type, value }] : [],
  );
  const inputs = new Map([...inputsOf(spec, root), ...referenced].map((value) => [`${value.type} ${value.value}`, value]));
  const identities = await Promise.all(
    [...inputs].map(async ([name, value]) => {
      const identity = await identify(ports, input.profile, input.pipeline, value);
      if (identity === null)
        throw new AdapterError('InvalidInput', `step ${input.step.id} reads the ${value.type} ${value.value}, which does not exist`);
      return [name, identity] as const;
    }),
  );
  return sha256(
    canonicalJson({
      version: CACHE_VERSION,
      spec: withoutNames(spec),
      inputs: Object.fromEntries(identities),
      code: codeIdentity(input.profile, spec),
      // What must not be shared has a key of its own in every run.
      run: input.step.cache ? null : `${input.run}/${input.step.id}`,
    }),
  );
}

/** Fields that only serve messages, limits, access, approvals and audits do not change what is made. */
function withoutNames(spec: StepSpec): Record<string, unknown> {
  const {
    sqlFile: _sqlFile,
    file: _file,
    maximumBytesBilled: _limit,
    secrets: _secrets,
    audit: _audit,
    approvers: _approvers,
    ...rest
  } = spec as StepSpec & Record<string, unknown>;
  const { code, requirements } = rest as Shipped;
  // Of what was shipped the content counts, wherever it lay.
  return {
    ...rest,
    ...(code ? { code: code.sha256 } : {}),
    ...(requirements && 'sha256' in requirements ? { requirements: requirements.sha256 } : {}),
  };
}

/** The record of an earlier making, if all that it made is still there and unchanged, and the same image would make it now. */
export async function usableRecord(
  ports: Ports,
  input: PrepareInput,
  cache: StepCache,
  key: string,
  digest: string,
): Promise<CacheRecord | null> {
  const record = await cache.load(key);
  if (record?.digest !== digest) return null;
  const same = await Promise.all(
    record.made.map(async (made) => (await identify(ports, input.profile, input.pipeline, made)) === made.identity),
  );
  if (!same.every(Boolean)) return null;
  const [store, warehouse] = await Promise.all([ports.store(input.profile), ports.warehouse(input.profile)]);
  return (await ranTheSame({ store, warehouse }, { profile: input.profile, spec: input.step.spec }, record.by)) ? record : null;
}

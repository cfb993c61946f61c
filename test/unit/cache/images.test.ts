import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { recordRanImage } from '../../../activities/pulled-images.ts';
import { noteImage } from '../../../src/cache/images.ts';
import { digestOf, usableRecord, type PrepareInput } from '../../../src/cache/key.ts';
import { createStepCache } from '../../../src/cache/records.ts';
import { tagWarnings, withImageDigests } from '../../../src/cli/image-digests.ts';
import { Profile } from '../../../src/contract/profile.ts';
import type { Step } from '../../../src/contract/steps.ts';
import type { ImageDigests } from '../../../src/ports/registry.ts';
import type { Ports, Warehouse } from '../../../src/ports/index.ts';
import { WAITS } from '../../../src/rules/durations.ts';
import { documentOf, script, type StepInput } from '../../workflow/documents.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const [A, B, C] = [digest('a'), digest('b'), digest('c')];
const TRAINER = 'r.example/trainer:1';

const profileOf = (imageDigests?: Record<string, string[]>): Profile => ({
  ...Profile.parse({
    warehouse: { kind: 'bigquery', project: 'p', dataset: 'd' },
    storage: { kind: 'gcs', bucket: 'b' },
    compute: { kind: 'kubernetes', namespace: 'n', image: TRAINER },
  }),
  ...(imageDigests ? { imageDigests } : {}),
});

const search = (fields: object = {}): StepInput => ({
  id: 's',
  spec: {
    kind: 'search',
    objective: { metric: 'auc', goal: 'maximize' },
    space: { lr: { type: 'float', low: 0, high: 1 } },
    trials: 1,
    output: 'file:///memory/s',
    ...fields,
  },
});
const container = (fields: object = {}): StepInput => ({
  id: 's',
  spec: { kind: 'container', image: 'r.example/job:1', command: ['x'], output: 'file:///memory/s', ...fields },
});
const stepOf = (input: StepInput): Step => documentOf([input]).steps[0] as Step;

/** A record of that step, made by Jobs whose machines called the image so. */
async function made(input: StepInput, ran: readonly (string | null)[], profile: Profile) {
  const memory = createMemoryPorts();
  const [store, warehouse] = await Promise.all([memory.store(profile), memory.warehouse(profile)]);
  const step = stepOf(input);
  const table = step.spec.kind === 'search' ? 'attempts' : 'steps';
  const ledger = async (name: string, where: unknown) => {
    expect(where).toEqual({ run: 'maker', step: 's' });
    return name === table ? ran.map((image) => ({ image })) : [];
  };
  const ports: Ports = { ...memory, warehouse: async () => ({ ...warehouse, ledger: ledger as unknown as Warehouse['ledger'] }) };
  const asked: PrepareInput = { run: 'r', pipeline: 'p', profile, step, references: [], startedAt: 0, wait: false };
  const key = await digestOf(ports, asked);
  const cache = createStepCache(store, async () => false);
  await cache.save('k', { version: 1, digest: key, outputs: {}, made: [], by: { run: 'maker', step: 's', at: '' } });
  return { store, isHit: async () => (await usableRecord(ports, asked, cache, 'k', key)) !== null };
}

describe('a record of the cache is used', () => {
  it.each([
    ['the digest that its registry answered with ran', search(), { [TRAINER]: [A] }, [`r.example/trainer@${A}`], true],
    ['the digest of the platform ran', search(), { [TRAINER]: [A, B] }, [`docker-pullable://r.example/trainer@${B}`], true],
    ['an image ran that was not pulled, by its configuration', search(), { [TRAINER]: [A, B, C] }, [C], true],
    ['another digest ran', search(), { [TRAINER]: [A] }, [`r.example/trainer@${B}`], false],
    [
      'another digest ran in one of the attempts',
      search(),
      { [TRAINER]: [A] },
      [`r.example/trainer@${A}`, `r.example/trainer@${B}`],
      false,
    ],
    ['nobody noted what ran', search(), { [TRAINER]: [A] }, [null], true],
    ['there is no attempt in the ledger', search(), { [TRAINER]: [A] }, [], true],
    ["another digest ran in a container step's Job", container(), { 'r.example/job:1': [A] }, [`r.example/job@${B}`], false],
    ['the profile has moved on, and the step has an image of its own', container(), { [TRAINER]: [C], 'r.example/job:1': [A] }, [A], true],
    ["another digest ran in a script's Job", script('s'), { [TRAINER]: [A] }, [`r.example/trainer@${B}`], false],
    ['the image is pinned', search({ image: `r.example/own@${A}` }), undefined, [`r.example/own@${B}`], true],
  ])('where %s', async (_what, input, digests, ran, isUsed) => {
    expect(await (await made(input, ran, profileOf(digests))).isHit()).toBe(isUsed);
  });

  it.each([
    ['no Job has run the tag since', [], true],
    ['Jobs have run the same since', [{ id: `r.example/trainer@${A}`, startedAt: 5 }], true],
    ['a Job has run another image by the tag since', [{ id: `r.example/trainer@${B}`, startedAt: 5 }], false],
    [
      'the tag was another one, and is what it was again',
      [
        { id: B, startedAt: 5 },
        { id: A, startedAt: 9 },
      ],
      true,
    ],
    [
      'a Job that began before the tag moved ended last',
      [
        { id: B, startedAt: 9 },
        { id: A, startedAt: 5 },
      ],
      false,
    ],
    ['another tag has moved', [{ image: 'r.example/other:1', id: B, startedAt: 5 }], true],
    ['a runtime names no digest', [{ id: 'r.example/trainer:1', startedAt: 5 }], true],
  ])('without a registry: where %s', async (_what, seen, isUsed) => {
    const { store, isHit } = await made(search(), [`r.example/trainer@${A}`], profileOf());
    for (const one of seen) await noteImage(store, { image: TRAINER, ...one });
    expect(await isHit()).toBe(isUsed);
  });

  it('as before, where processes run and no image does', async () => {
    const profile = documentOf([]).profile;
    expect(await (await made(search({ image: 'r.example/own:1' }), [B], profile)).isHit()).toBe(true);
  });
});

it('what a tag is stays noted without a write for every Job', async () => {
  const memory = createMemoryPorts();
  const store = await memory.store(profileOf());
  let writes = 0;
  const write = store.write.bind(store);
  Object.assign(store, { write: async (...given: Parameters<typeof write>) => (writes++, write(...given)) });
  for (const startedAt of [1, 2, 3, WAITS.imageSeenAgainMs + 2]) await noteImage(store, { image: TRAINER, id: A, startedAt });
  expect(writes).toBe(2);
});

it('a Job that has ended tells what the tag was, and ends however the store answers', async () => {
  const memory = createMemoryPorts();
  const store = await memory.store(profileOf());
  const end = (fields: object) => ({ image: `r.example/own@${A}`, startedAt: 1, ...fields });
  const note = (spec: { image?: string }, profile: Profile, fields: object = {}): Promise<void> =>
    new MockActivityEnvironment().run(() => recordRanImage(store, { profile, spec }, end(fields)));
  await note({ image: 'r.example/own:1' }, profileOf());
  await note({}, profileOf());
  expect([...memory.objects.keys()].filter((uri) => uri.includes('/images/'))).toHaveLength(2);
  await note({ image: 'r.example/more:1' }, documentOf([]).profile);
  await note({ image: 'r.example/more:1' }, profileOf(), { startedAt: null });
  await note({ image: 'r.example/more:1' }, profileOf({ 'r.example/more:1': [B] }));
  expect(memory.objects.size).toBe(2);
  Object.assign(store, { write: () => Promise.reject(new Error('away')) });
  await note({ image: 'r.example/more:1' }, profileOf());
});

describe('the key of a step', () => {
  const keyOf = async (input: StepInput, profile: Profile): Promise<string> => {
    const ports = createMemoryPorts();
    return digestOf(ports, { run: 'r', pipeline: 'p', profile, step: stepOf(input), references: [], startedAt: 0, wait: false });
  };
  const shipped = { code: { sha256: 'd'.repeat(64), bytes: 1, files: 1, from: 'job' } };

  it.each([
    ['a search', search(), TRAINER],
    ['a search with an image of its own', search({ image: 'r.example/own:1' }), 'r.example/own:1'],
    ['a script', script('s'), TRAINER],
    ['a container', container(), 'r.example/job:1'],
    ['shipped code', container(shipped), 'r.example/job:1'],
    ['shipped code, whose launcher comes from the image of the profile', container(shipped), TRAINER],
  ])('of %s has the digest of what its tag means', async (_what, input, image) => {
    const [one, other] = [profileOf({ [image]: [A] }), profileOf({ [image]: [B] })];
    const without = await keyOf(input, profileOf());
    expect(new Set([without, await keyOf(input, one), await keyOf(input, other)]).size).toBe(3);
    expect(await keyOf(input, profileOf({ [image]: [A, C] }))).toBe(await keyOf(input, one));
    expect(await keyOf(input, profileOf({ 'r.example/unrelated:1': [A] }))).toBe(without);
  });
});

describe('a compiled document', () => {
  const registry = (known: Record<string, string>) => {
    const asked: string[] = [];
    const digests = async (image: string): Promise<ImageDigests> => {
      asked.push(image);
      return known[image] === undefined ? { why: 'it is away' } : { digests: [known[image]] };
    };
    return { asked, digests };
  };
  const document = documentOf([container(), { ...search({ image: `r.example/own@${C}` }), id: 't' }, { ...script('u') }], {
    profile: profileOf(),
  });

  it('has what registries told of its tags, and its hash with it', async () => {
    const some = registry({ [TRAINER]: A });
    const resolved = await withImageDigests(document, some);
    expect(some.asked.sort()).toEqual(['r.example/job:1', TRAINER]);
    expect(resolved.profile.imageDigests).toEqual({ [TRAINER]: [A] });
    expect(resolved.hash).not.toBe(document.hash);
    expect((await withImageDigests(document, registry({ [TRAINER]: B }))).hash).not.toBe(resolved.hash);
    expect(await tagWarnings(resolved, some)).toEqual([
      'r.example/job:1: this tag may change; pin it (IMAGE@sha256:…), or the cache may be stale (its digest is not known: it is away)',
    ]);
  });

  it('is what it was where no registry answers, and asks none where processes run', async () => {
    expect(await withImageDigests(document, registry({}))).toBe(document);
    const local = registry({});
    await withImageDigests(documentOf([container()]), local);
    expect([local.asked, await tagWarnings(documentOf([container()]), local)]).toEqual([[], []]);
  });
});

import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/cache/key.ts';
import { Profile } from '../../../src/contract/profile.ts';
import { SearchSpec } from '../../../src/contract/steps.ts';
import type { Ports } from '../../../src/ports/index.ts';

const ports = { store: () => Promise.resolve({ root: 'file:///s' }) } as unknown as Ports;
const LAPTOP = Profile.parse({
  warehouse: { kind: 'duckdb', path: '/w' },
  storage: { kind: 'directory', path: '/s' },
  compute: { kind: 'process', path: '/j' },
});
const cluster = (image: string): Profile =>
  Profile.parse({
    ...LAPTOP,
    storage: { kind: 'gcs', bucket: 'b' },
    warehouse: { kind: 'bigquery', project: 'p', dataset: 'd' },
    compute: { kind: 'kubernetes', namespace: 'n', image },
  });
const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const code = (sha256: string, from = 'trainer'): object => ({ sha256, bytes: 1024, files: 1, from });

const key = (fields: object, profile = LAPTOP): Promise<string> =>
  digestOf(ports, {
    run: 'r',
    pipeline: 'p',
    profile,
    step: {
      id: 's',
      cache: true,
      spec: SearchSpec.parse({
        kind: 'search',
        objective: { metric: 'auc', goal: 'maximize' },
        space: { lr: { type: 'float', low: 0, high: 1 } },
        trials: 1,
        output: 'file:///s/{key}',
        command: ['python', 'train.py'],
        ...fields,
      }),
    },
    references: [],
    startedAt: 0,
    wait: false,
  });

describe('the key of a step with code of its own', () => {
  const requirements = (sha256: string, from = 'requirements.txt'): object => ({ requirements: { sha256, from } });

  it.each([
    ['code', { code: code(A) }, { code: code(B) }],
    ['requirements', { code: code(A), ...requirements(A) }, { code: code(A), ...requirements(B) }],
    ['requirements at all', { code: code(A) }, { code: code(A), ...requirements(A) }],
    ['the interpreter', { code: code(A) }, { code: code(A), python: '/usr/bin/python3' }],
    ['the image', { code: code(A), image: 'i@sha256:1' }, { code: code(A), image: 'i@sha256:2' }],
  ])('is another one with other %s', async (_what, one, other) => {
    for (const profile of [LAPTOP, cluster('t:1')]) expect(await key(one, profile)).not.toBe(await key(other, profile));
  });

  it("is another one with another image of the profile, which carries launcher and SDK, whatever the step's own", async () => {
    for (const image of [{}, { image: 'own:1' }])
      expect(await key({ code: code(A), ...image }, cluster('t:1'))).not.toBe(await key({ code: code(A), ...image }, cluster('t:2')));
  });

  it('is the same wherever the code lay', async () => {
    expect(await key({ code: code(A), ...requirements(A) })).toBe(await key({ code: code(A, 'moved'), ...requirements(A, 'other.txt') }));
  });
});

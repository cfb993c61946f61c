import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inlineQuery, pipeline, project } from './project.ts';

const LOCAL = (path: string): string =>
  `warehouse: { kind: duckdb, path: ${path} }\nstorage: { kind: directory, path: store }\ncompute: { kind: process, path: jobs }\n`;
const FILES = { 'pipeline.yaml': pipeline(inlineQuery('d')) };

afterEach(() => vi.unstubAllEnvs());

describe('profiles', () => {
  test('`local` is built in: everything below .longhaul of the working directory', async () => {
    await using made = await project(FILES);
    const { profile, profileName } = await made.compile();
    expect(profileName).toBe('local');
    expect(profile).toMatchObject({
      warehouse: { kind: 'duckdb', path: join(made.folder, '.longhaul/warehouse') },
      storage: { kind: 'directory', path: join(made.folder, '.longhaul/store') },
      compute: { kind: 'process', path: join(made.folder, '.longhaul/jobs') },
      pools: [{ name: 'local', spot: false, pricePerHour: 0 }],
    });
  });

  test.each([
    ['a folder beside the pipeline', 'profiles/big.yaml', 'big'],
    ['a file beside the pipeline', 'big.profile.yaml', 'big'],
    ['JSON', 'profiles/big.json', 'big'],
    ['a path', 'elsewhere/big.yaml', './elsewhere/big.yaml'],
  ])('are found in %s', async (_where, file, wanted) => {
    const text = file.endsWith('.json')
      ? '{"warehouse": {"kind": "duckdb", "path": "w"}, "storage": {"kind": "directory", "path": "s"}, "compute": {"kind": "process", "path": "j"}}'
      : LOCAL('w');
    await using made = await project({ ...FILES, [file]: text });
    const { profile, profileName } = await made.compile({ profile: wanted });
    expect(profileName).toBe('big');
    expect(profile.warehouse).toMatchObject({ path: join(made.folder, 'w') });
  });

  test('one of the name `local` takes the place of the built-in', async () => {
    await using made = await project({ ...FILES, 'profiles/local.yaml': LOCAL('mine') });
    expect((await made.compile()).profile.warehouse).toMatchObject({ path: join(made.folder, 'mine') });
  });

  test('take environment variables', async () => {
    vi.stubEnv('WAREHOUSE_DIR', '/data/w');
    await using made = await project({ ...FILES, 'profiles/env.yaml': LOCAL('"${WAREHOUSE_DIR}/$${NOT}"') });
    expect((await made.compile({ profile: 'env' })).profile.warehouse).toMatchObject({ path: '/data/w/${NOT}' });
  });

  test.each([
    [
      'a variable that is not set',
      LOCAL('"${NOT_SET_ANYWHERE}"'),
      { file: 'profiles/p.yaml', line: 1, path: 'warehouse.path', message: 'the environment variable NOT_SET_ANYWHERE is not set' },
    ],
    ['a secret', LOCAL('"${MY_API_TOKEN}"'), { path: 'warehouse.path', message: '${MY_API_TOKEN} looks like a secret' }],
    ['an unknown kind', LOCAL('w').replace('duckdb', 'duck'), { path: 'warehouse.kind', found: '"duck"', expected: 'duckdb, bigquery' }],
    ['an unknown field', `${LOCAL('w')}poools: []`, { path: 'poools', hint: 'did you mean pools?' }],
    [
      'an unknown pool',
      `${LOCAL('w')}pools: [{ name: a, spot: true }]\nplacement: { order: [b] }`,
      { line: 5, path: 'placement.order[0]', found: 'b' },
    ],
    [
      'a pool twice',
      `${LOCAL('w')}pools: [{ name: a, spot: true }, { name: a, spot: false }]`,
      { path: 'pools[1].name', message: 'two pools have this name' },
    ],
    ['a notification to nobody', `${LOCAL('w')}notifications: [{ on: [finish] }]`, { path: 'notifications[0]' }],
  ])('%s is a message', async (_what, text, says) => {
    await using made = await project({ ...FILES, 'profiles/p.yaml': text });
    expect(await made.problems({ profile: 'p' })).toContainEqual(expect.objectContaining(says));
  });

  test('one that is not there is a message with those that are', async () => {
    await using made = await project({ ...FILES, 'profiles/gcp.yaml': LOCAL('w'), 'eu.profile.yaml': LOCAL('w') });
    expect(await made.problems({ profile: 'pcg' })).toMatchObject([
      { file: '--profile pcg', message: 'there is no profile "pcg"', hint: 'there are gcp, eu, local' },
    ]);
  });
});

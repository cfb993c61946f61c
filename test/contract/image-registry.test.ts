import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf } from '../../src/adapters/oci/accounts.ts';
import { openRegistry } from '../../src/adapters/oci/index.ts';
import { imageReference } from '../../src/adapters/oci/reference.ts';
import { startRegistry, type StubRegistry } from '../support/registry.ts';

const nobody = { account: () => Promise.resolve(null) };

describe('digests of an image', () => {
  it.each([
    ['one platform', ['amd64'], null],
    ['several platforms', ['amd64', 'arm64'], null],
    ['several platforms, with a token for everybody', ['amd64', 'arm64'], 'anonymous'],
  ] as const)('of %s: that of the tag first, then those by which machines call it', async (_what, platforms, tokens) => {
    await using stub = await startRegistry({ tokens });
    const pushed = stub.push('team/trainer', '1.2', platforms);
    const found = await openRegistry(nobody).digests(`${stub.host}/team/trainer:1.2`);
    expect(found).toEqual({ digests: pushed });
  });

  it('are another one when the tag has moved, for who asks anew', async () => {
    await using stub = await startRegistry();
    const before = stub.push('trainer', 'latest', ['amd64']);
    const image = `${stub.host}/trainer`;
    const registry = openRegistry(nobody);
    expect(await registry.digests(image)).toEqual({ digests: before });
    const after = stub.push('trainer', 'latest', ['amd64', 'arm64']);
    expect(await registry.digests(image)).toEqual({ digests: before });
    expect(await openRegistry(nobody).digests(image)).toEqual({ digests: after });
    expect(after[0]).not.toBe(before[0]);
  });

  it.each([
    ['a user', { user: 'ci', password: 'a:b' }, { user: 'ci', password: 'a:b' }, true],
    ['a wrong password', { user: 'ci', password: 'a:b' }, { user: 'ci', password: 'other' }, false],
    ['nobody', { user: 'ci', password: 'a:b' }, null, false],
    ['a token that buys others', { identity: 'long-lived' }, { user: '<token>', password: 'long-lived' }, true],
  ] as const)('with the account of %s', async (_who, tokens, account, may) => {
    await using stub = await startRegistry({ tokens });
    const digests = stub.push('private/trainer', '1', ['amd64']);
    const found = await openRegistry({ account: () => Promise.resolve(account) }).digests(`${stub.host}/private/trainer:1`);
    expect(found).toEqual(may ? { digests } : { why: expect.stringMatching(/^http:.* answered 401 when asked for a token$/) as string });
  });

  it('come by a redirect to another host, which does not get the account', async () => {
    await using stub = await startRegistry({ tokens: { user: 'ci', password: 'secret' } });
    await using mirror = await startRegistry({ tokens: null });
    const pushed = mirror.push('trainer', '1', ['amd64']);
    for (const path of ['1', pushed[0] ?? ''].map((name) => `/v2/trainer/manifests/${name}`))
      stub.instead.set(path, (response, { headers }) =>
        headers.authorization === undefined
          ? response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${stub.host}/token",service="stub"` }).end()
          : response.writeHead(307, { location: `http://${mirror.host.replace('127.0.0.1', 'localhost')}${path}` }).end(),
      );
    const account = { user: 'ci', password: 'secret' };
    expect(await openRegistry({ account: () => Promise.resolve(account) }).digests(`${stub.host}/trainer:1`)).toEqual({ digests: pushed });
    expect(mirror.asked).toEqual(['HEAD /v2/trainer/manifests/1', `GET /v2/trainer/manifests/${pushed[0]}`]);
  });

  const wrong: [string, RegExp, (stub: StubRegistry, path: string) => void][] = [
    ['has no such tag', /answered 404$/, () => undefined],
    [
      'asks for fewer requests',
      /answered 429$/,
      ({ instead }, path) => void instead.set(path, (answer) => answer.writeHead(429, { 'retry-after': '60' }).end()),
    ],
    ['is ill', /answered 503$/, ({ instead }, path) => void instead.set(path, (answer) => answer.writeHead(503).end('<html>'))],
    [
      'wants what cannot be had',
      /wants an account/,
      ({ instead }, path) => void instead.set(path, (answer) => answer.writeHead(401, { 'www-authenticate': 'Negotiate' }).end()),
    ],
    [
      'does not say the digest',
      /did not say the digest$/,
      ({ instead }, path) => void instead.set(path, (answer) => answer.writeHead(200).end()),
    ],
    [
      'redirects for ever',
      /does not answer: redirect/,
      ({ instead }, path) => void instead.set(path, (answer) => answer.writeHead(302, { location: path }).end()),
    ],
    ['breaks off', /does not answer: /, ({ instead }, path) => void instead.set(path, (answer) => answer.destroy())],
    ['says nothing', /did not answer within 0.2 s$/, ({ instead }, path) => void instead.set(path, () => undefined)],
  ];
  it.each(wrong)('are not known of a registry that %s, and that is no error', async (what, why, make) => {
    await using stub = await startRegistry({ tokens: null });
    make(stub, '/v2/trainer/manifests/9');
    // The others have all the time that a busy machine takes to answer.
    const found = await openRegistry({ ...nobody, ...(what === 'says nothing' ? { answerMs: 200 } : {}) }).digests(
      `${stub.host}/trainer:9`,
    );
    expect(found).toEqual({ why: expect.stringMatching(why) as string });
  });

  it('are not known offline', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => closed.once('listening', done));
    const { port } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    expect(await openRegistry(nobody).digests(`127.0.0.1:${port}/trainer:1`)).toEqual({
      why: expect.stringMatching(/does not answer: .*ECONNREFUSED/) as string,
    });
  });
});

const D = `sha256:${'0a'.repeat(32)}`;

it.each([
  ['python', ['https://registry-1.docker.io', 'library/python', 'latest', 'https://index.docker.io/v1/']],
  ['team/trainer:1.2', ['https://registry-1.docker.io', 'team/trainer', '1.2', 'https://index.docker.io/v1/']],
  ['docker.io/team/trainer', ['https://registry-1.docker.io', 'team/trainer', 'latest', 'https://index.docker.io/v1/']],
  ['europe-docker.pkg.dev/p/r/t:v1_2-a', ['https://europe-docker.pkg.dev', 'p/r/t', 'v1_2-a', 'europe-docker.pkg.dev']],
  ['localhost/t', ['http://localhost', 't', 'latest', 'localhost']],
  ['localhost:5000/t:1', ['http://localhost:5000', 't', '1', 'localhost:5000']],
  ['registry.example:5000/a/t', ['https://registry.example:5000', 'a/t', 'latest', 'registry.example:5000']],
  [`registry.example/a/t:1@${D}`, ['https://registry.example', 'a/t', D, 'registry.example']],
  ['Team/Trainer', null],
  ['a//b', null],
  ['../../etc', null],
  ['registry.example/a/t:', null],
])('%s is looked for where Docker would look', (image, expected) => {
  const found = imageReference(image);
  expect(found && [found.origin, found.repository, found.reference, found.registry]).toEqual(expected);
});

describe("accounts of Docker's configuration", () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'longhaul-docker-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const account = async (config: object | string, registry = 'r.example'): ReturnType<typeof accountOf> => {
    await writeFile(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
    return accountOf(registry, { DOCKER_CONFIG: folder, PATH: `${folder}${delimiter}${process.env.PATH ?? ''}` });
  };
  const auth = Buffer.from('me:pass:word').toString('base64');

  it.each([
    ['as it is written', { auths: { 'r.example': { auth } } }, { user: 'me', password: 'pass:word' }],
    ['with an address', { auths: { 'https://r.example': { auth } } }, { user: 'me', password: 'pass:word' }],
    ['by a token', { auths: { 'r.example': { auth, identitytoken: 'long' } } }, { user: '<token>', password: 'long' }],
    ['of others only', { auths: { 'other.example': { auth } } }, null],
    ['that is empty', { auths: { 'r.example': {} } }, null],
    ['that is no JSON', '{"auths":', null],
    ['with a helper that is not there', { credHelpers: { 'r.example': 'nowhere' } }, null],
    ['with a helper that is a path', { credHelpers: { 'r.example': '../x' } }, null],
  ])('%s', async (_how, config, expected) => {
    expect(await account(config)).toEqual(expected);
  });

  it('asked of a helper, which is told the registry', async () => {
    const helper = join(folder, 'docker-credential-own');
    await writeFile(helper, '#!/bin/sh\nread -r name\nprintf \'{"ServerURL":"%s","Username":"of %s","Secret":"s"}\' "$name" "$name"\n');
    await chmod(helper, 0o755);
    expect(await account({ credHelpers: { 'r.example': 'own' } })).toEqual({ user: 'of r.example', password: 's' });
    expect(await account({ credsStore: 'own' }, 'https://index.docker.io/v1/')).toMatchObject({ password: 's' });
  });

  it('none, where there is no such file', async () => {
    expect(await accountOf('r.example', { DOCKER_CONFIG: join(folder, 'nowhere') })).toBeNull();
  });
});

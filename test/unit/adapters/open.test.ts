/** What a person's own program opens for a run whose document somebody else sent. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { openPorts } from '../../../src/adapters/open.ts';
import { Profile } from '../../../src/contract/profile.ts';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-open-'));
const asked: string[] = [];
let server: Server;
let endpoint: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => vi.unstubAllEnvs());

const own = {
  warehouse: { kind: 'duckdb', path: join(folder, 'own', 'w') },
  storage: { kind: 'directory', path: join(folder, 'own', 's') },
  compute: { kind: 'process', path: join(folder, 'own', 'j') },
};
const profile = (changes: object): Profile => Profile.parse({ ...own, ...changes });

it.each([
  [
    'another team’s bucket, by a server of the asker’s',
    'store',
    { storage: { kind: 'gcs', bucket: 'south', apiEndpoint: true } },
    'buckets',
  ],
  ['a server of the asker’s for the own bucket', 'store', { storage: { kind: 'gcs', bucket: 'north', apiEndpoint: true } }, 'endpoints'],
  ['a folder beside the own one', 'store', { storage: { kind: 'directory', path: join(folder, 'own-too') } }, 'paths'],
  ['a folder above, by a path that climbs', 'warehouse', { warehouse: { kind: 'duckdb', path: `${folder}/own/../up` } }, 'paths'],
  ['another namespace', 'compute', { compute: { kind: 'kubernetes', image: 'i', namespace: 'south' } }, 'namespaces'],
  ['a kubeconfig, which may name a program', 'compute', { compute: { kind: 'kubernetes', image: 'i', namespace: 'north', kubeconfig: '/tmp/k' } }, 'kubeconfigs'], // prettier-ignore
] as const)('goes nowhere that the policy forbids: %s', async (_, port, changes, rule) => {
  const file = join(folder, 'policy.yaml');
  const policy = { buckets: ['north'], endpoints: [], paths: [join(folder, 'own')], namespaces: ['north'], kubeconfigs: [], pools: {} };
  writeFileSync(file, JSON.stringify(policy));
  vi.stubEnv('LONGHAUL_POLICY', file);
  const asking = JSON.parse(JSON.stringify(changes).replaceAll('"apiEndpoint":true', `"apiEndpoint":"${endpoint}"`)) as object;
  await using ports = openPorts();
  await expect(ports[port](profile(asking))).rejects.toThrow(`the policy's rule "${rule}"`);
  expect(asked).toEqual([]);
  expect(['own-too', 'up'].filter((name) => existsSync(join(folder, name)))).toEqual([]);
  // What ran under other rules can still be looked at.
  await ports.compute(profile({ pools: [{ name: 'p', spot: true, shared: true }] }));
  await ports.store(profile({}));
});

it('goes anywhere where no policy is named', async () => {
  vi.stubEnv('LONGHAUL_POLICY', '');
  await using ports = openPorts();
  expect((await ports.store(profile({ storage: { kind: 'directory', path: join(folder, 'elsewhere') } }))).root).toContain('elsewhere');
});

it('goes nowhere where the policy cannot be read', async () => {
  vi.stubEnv('LONGHAUL_POLICY', join(folder, 'not-there.yaml'));
  await using ports = openPorts();
  await expect(ports.store(profile({}))).rejects.toThrow('the policy cannot be read');
});

it.each([
  ['store', { storage: { kind: 'GCS', bucket: 'b', prefix: '' } }],
  ['store', { storage: { bucket: 'b', prefix: '' } }],
  ['warehouse', { warehouse: { kind: ['bigquery'], project: 'p', dataset: 'd' } }],
  ['compute', { compute: { kind: 'kubernetes ', namespace: 'n', image: 'i' } }],
] as const)('opens no %s of a kind that is none: %j', async (port, raw) => {
  await using ports = openPorts();
  await expect(ports[port]({ ...profile({}), ...raw } as unknown as Profile)).rejects.toThrow('.kind: there is no');
});

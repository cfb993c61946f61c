/** `longhaul doctor` on an API server that answers as a real one does: in whose name it asks, and what it makes of the answers. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkKubernetes } from '../../src/adapters/kubernetes/doctor.ts';
import { PERMISSIONS } from '../../src/adapters/kubernetes/permissions.ts';
import type { DoctorCheck } from '../../src/ports/doctor.ts';
import { Profile } from '../../src/contract/profile.ts';

const WORKERS = 'system:serviceaccount:ml:longhaul';
const RBAC = 'pods is forbidden: User "ada" cannot create resource "pods" in API group "" in the namespace "ml"';
const POD_SECURITY = 'pods "longhaul-doctor" is forbidden: violates PodSecurity "restricted:latest": seLinuxOptions (…)';
const QUOTA = 'pods "longhaul-doctor" is forbidden: exceeded quota: small, requested: cpu=100m, used: cpu=1, limited: cpu=1';

interface Review {
  readonly spec: { readonly user?: string; readonly groups?: readonly string[] };
}
interface Asked {
  readonly path: string;
  readonly body: unknown;
}

describe('longhaul doctor on a cluster', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  /** @param refused why a pod is refused; @param allowed who has all rights */
  async function doctor({ refused, allowed = WORKERS, account }: { refused?: string; allowed?: string; account?: string }): Promise<{
    readonly checks: readonly DoctorCheck[];
    readonly asked: readonly Asked[];
  }> {
    const asked: Asked[] = [];
    const answer = (path: string, body: unknown): readonly [number, object] => {
      if (path === '/version') return [200, { gitVersion: 'v1.35.0' }];
      if (path.endsWith('/selfsubjectreviews')) return [201, { status: { userInfo: { username: 'ada' } } }];
      if (path.endsWith('accessreviews')) return [201, { status: { allowed: ((body as Review).spec.user ?? 'ada') === allowed } }];
      // `helm test` leaves its Job.
      if ((body as { metadata?: { name?: string } } | null)?.metadata?.name === 'longhaul-doctor')
        return [409, { kind: 'Status', reason: 'AlreadyExists', message: 'jobs.batch "longhaul-doctor" already exists' }];
      if (path === '/api/v1/nodes') return [200, { items: [{ metadata: { labels: { pool: 'there' } } }] }];
      if (path.endsWith('/pods') && refused !== undefined) return [403, { kind: 'Status', reason: 'Forbidden', message: refused }];
      return [201, {}];
    };
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body: unknown = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : null;
        const url = new URL(request.url ?? '', 'http://x');
        asked.push({ path: `${url.pathname}${url.search}`, body });
        const [code, said] = answer(url.pathname, body);
        response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(said));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const folder = await mkdtemp(join(tmpdir(), 'longhaul-doctor-'));
    cleanups.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    });
    const kubeconfig = join(folder, 'kubeconfig');
    const cluster = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'insecure-skip-tls-verify': true };
    const context = { cluster: 'c', user: 'u' };
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user: {} }],
        contexts: [{ name: 'x', context }],
        'current-context': 'x',
      }),
    );
    const { compute, pools } = Profile.parse({
      warehouse: { kind: 'bigquery', project: 'p' },
      storage: { kind: 'gcs', bucket: 'b' },
      compute: { kind: 'kubernetes', namespace: 'ml', image: 'trainer:1', kubeconfig },
      pools: ['there', 'at-zero'].map((name) => ({ name, spot: true, nodeSelector: { pool: name } })),
    });
    if (compute.kind !== 'kubernetes') throw new Error('not Kubernetes');
    return { checks: await checkKubernetes(compute, pools, account), asked };
  }
  const rights = PERMISSIONS.flatMap(({ verbs }) => verbs).length;
  const named = (checks: readonly DoctorCheck[], name: string): DoctorCheck | undefined => checks.find((check) => check.name === name);

  it('asks for the rights of the workers’ account, in its groups, where it is told whose', async () => {
    const { checks, asked } = await doctor({ account: WORKERS });
    const reviews = asked.filter(({ path }) => path.endsWith('/subjectaccessreviews')).map(({ body }) => (body as Review).spec);
    expect(reviews).toHaveLength(rights);
    const groups = ['system:authenticated', 'system:serviceaccounts', 'system:serviceaccounts:ml'];
    for (const review of reviews) expect(review).toMatchObject({ user: WORKERS, groups });
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    const others = await doctor({ account: WORKERS, allowed: 'ada' });
    const missing = others.checks.filter(({ ok }) => !ok);
    expect(missing).toHaveLength(rights);
    for (const { remedy } of missing) expect(remedy).toContain('--serviceaccount=ml:longhaul');
  });

  it('says whose rights it asked for where it is not told', async () => {
    const { checks } = await doctor({ allowed: 'ada' });
    expect(checks[0]?.detail).toBe('it answers, v1.35.0; rights are asked for ada, and not for the workers: name their account by --as');
  });

  it('makes the pod of a Job in a dry run', async () => {
    const { asked } = await doctor({});
    const dry = asked.filter(({ path }) => path.includes('dryRun=All'));
    expect(dry.map(({ path }) => path.split('?')[0])).toEqual(['/apis/batch/v1/namespaces/ml/jobs', '/api/v1/namespaces/ml/pods']);
    const [job, pod] = dry.map(({ body }) => body as { spec: { template?: { spec: object }; containers?: object } });
    expect(pod?.spec).toEqual(job?.spec.template?.spec);
  });

  it.each([
    ['Pod Security', POD_SECURITY],
    ['a quota', QUOTA],
    ['a webhook', 'admission webhook "policy.example.com" denied the request: no owner'],
  ])('finds what would refuse the pod later: %s', async (_, refused) => {
    expect(named((await doctor({ refused })).checks, 'its pod')).toMatchObject({
      ok: false,
      detail: expect.stringContaining(refused) as string,
    });
  });

  it('does not call a pod refused that it may not ask for', async () => {
    expect(named((await doctor({ refused: RBAC })).checks, 'its pod')).toMatchObject({ ok: true, unsure: true });
  });

  it('does not call a pool at zero broken, and says how to make one', async () => {
    const { checks } = await doctor({});
    expect(named(checks, 'pool there')).toMatchObject({ ok: true });
    expect(named(checks, 'pool there')?.unsure).toBeUndefined();
    expect(named(checks, 'pool at-zero')).toMatchObject({
      ok: true,
      unsure: true,
      remedy: expect.stringContaining('node-pools create') as string,
    });
  });
});

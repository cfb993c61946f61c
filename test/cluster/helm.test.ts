/** The chart on a real cluster: its workers, with the rights it gives them, run the example. Upgraded while it trains: test/cluster-more. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { checkKubernetes } from '../../src/adapters/kubernetes/doctor.ts';
import { PERMISSIONS } from '../../src/adapters/kubernetes/permissions.ts';
import { readFileSync } from 'node:fs';
import { Policy } from '../../src/contract/policy.ts';
import { Profile } from '../../src/contract/profile.ts';
import { requireWall } from '../../src/rules/policy-teams.ts';
import { violations } from '../../src/rules/policy.ts';
import { runCli } from '../support/run-cli.ts';
import { CHART, helm, RELEASE, upgradeChart } from './chart.ts';
import { openExampleLab, SMALL_EXAMPLE } from './example-lab.ts';
import type { ExampleLab } from './example-lab.ts';
import { clusterCanRun, kubernetesConfig, poolOf, sharedCluster, shellJob } from './harness.ts';

const NAMESPACE = 'helm';

interface RenderedObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } } };
}

describe.skipIf(!clusterCanRun())('the Helm chart', () => {
  describe('gives its workers a policy', () => {
    const texts = new Map<string, Promise<string>>();
    /** Rendered once for the same settings. */
    const template = (...settings: readonly string[]): Promise<string> => {
      const key = settings.join('\n');
      const text = texts.get(key) ?? helm(['template', 'x', CHART, '--namespace', 'north', '--kube-version', '1.35.0', ...settings]);
      texts.set(key, text);
      return text;
    };
    const rendered = async (...settings: readonly string[]) => {
      const text = await template(...settings);
      const objects = parseAllDocuments(text).map((each) => each.toJS() as RenderedObject | null);
      const map = objects.find((each) => each?.metadata.name === 'x-policy');
      const workers = objects.filter((each) => each?.kind === 'Deployment' && JSON.stringify(each).includes('LONGHAUL_POLICY'));
      return { policy: Policy.parse(parse(map?.data?.['policy.yaml'] ?? '')), workers };
    };
    const profileOf = (compute: object = {}, changes: object = {}): Profile =>
      Profile.parse({
        warehouse: { kind: 'bigquery', project: 'p' },
        storage: { kind: 'gcs', bucket: 'b' },
        compute: {
          kind: 'kubernetes',
          namespace: 'north',
          image: 'ghcr.io/longhaul/trainer:0.2.0',
          serviceAccount: 'longhaul-trainer',
          volumes: [{ name: 'data', mountPath: '/data', gcsFuse: { bucket: 'b' } }],
          podTemplate: { spec: { securityContext: { runAsUser: 10001 } } },
          ...compute,
        },
        ...changes,
      });
    const rulesOf = (policy: Policy, profile: Profile): string[] => [
      ...new Set(violations(policy, { profile, steps: [], onExit: [] }).map(({ rule }) => rule)),
    ];

    it('which every worker that acts, and the console, is started with, anew for each change of it', async () => {
      const { workers } = await rendered();
      const names = workers.map((each) => each?.metadata.name.replace(/^(x-control)-0-2-0-[0-9a-f]{6}$/, '$1'));
      // The console follows the profiles of documents too.
      expect(names.sort()).toEqual(['x-console', 'x-control', 'x-training', 'x-warehouse']);
      for (const each of workers) expect(JSON.stringify(each)).toContain('"configMap":{"name":"x-policy"}');
      const digests = async (...settings: string[]) =>
        (await rendered(...settings)).workers.map((each) => each?.spec?.template.metadata.annotations['longhaul.dev/policy']);
      expect(new Set([...(await digests()), ...(await digests('--set-json', 'policy={"contexts":[]}'))]).size).toBe(1);
      expect(new Set([...(await digests()), ...(await digests('--set-json', 'policy={"contexts":["own"]}'))]).size).toBe(2);
    });

    it("which allows what the chart's own profile needs", async () => {
      expect(rulesOf((await rendered()).policy, profileOf())).toEqual([]);
    });

    it.each([
      ['commands', profileOf({}, { notifications: [{ on: ['finish'], command: ['id'] }] })],
      ['webhooks', profileOf({}, { notifications: [{ on: ['finish'], webhookEnv: 'TEMPORAL_API_KEY' }] })],
      ['namespaces', profileOf({ namespace: 'south' })],
      ['serviceAccounts', profileOf({ serviceAccount: 'x' })],
      ['serviceAccounts', profileOf({ podTemplate: { spec: { serviceAccountName: 'x' } } })],
      ['serviceAccountTokens', profileOf({ podTemplate: { spec: { automountServiceAccountToken: true } } })],
      ['kubeconfigs', profileOf({ kubeconfig: '/tmp/k' })],
      ['images', profileOf({ image: 'evil:1' })],
      ['podSecurity', profileOf({ podTemplate: { spec: { hostPID: true } } })],
      ['volumes', profileOf({ podTemplate: { spec: { volumes: [{ name: 'n', hostPath: { path: '/' } }] } } })],
      [
        'secrets',
        profileOf({ podTemplate: { spec: { containers: [{ name: 'main', envFrom: [{ secretRef: { name: 'longhaul-temporal' } }] }] } } }),
      ],
      ['reservedLabels', profileOf({ labels: { 'app.kubernetes.io/component': 'console' } })],
      ['computes', profileOf({}, { compute: { kind: 'process', path: '/j' } })],
      ['paths', profileOf({}, { storage: { kind: 'directory', path: '/etc' } })],
    ])('which refuses what its rule %s does not name', async (rule, profile) => {
      expect(rulesOf((await rendered()).policy, profile)).toContain(rule);
    });

    it('which must say what is its own where the release is of a team, and every worker serves that team', async () => {
      await expect(rendered('--set', 'team=north')).rejects.toThrow("team north: policy.buckets must say what is the team's own");
      const settings = ['--set', 'team=north', '--set-json', 'policy={"buckets":["north"],"ledgers":["north"]}'];
      const { policy, workers } = await rendered(...settings);
      expect(() => {
        requireWall('north', policy);
      }).not.toThrow();
      expect(workers).toHaveLength(4);
      for (const each of workers) expect(JSON.stringify(each)).toContain('{"name":"LONGHAUL_TEAM","value":"north"}');
      const text = await template(...settings);
      // Control, warehouse, training, sampler, console, builds and `helm test`.
      expect(text.match(/name: LONGHAUL_TEAM/g)).toHaveLength(7);
    });

    it('which lets Jobs pull with the Secrets that its own pods pull with, and do nothing else with them', async () => {
      const { policy } = await rendered('--set', 'imagePullSecrets[0].name=registry');
      const pulls = (name: string) => profileOf({ imagePullSecrets: [name] });
      expect(rulesOf(policy, pulls('registry'))).toEqual([]);
      expect(rulesOf(policy, pulls('longhaul-temporal'))).toEqual(['secrets']);
      expect(rulesOf((await rendered()).policy, pulls('registry'))).toEqual(['secrets']);
      const template = { spec: { containers: [{ name: 'main', envFrom: [{ secretRef: { name: 'registry' } }] }] } };
      expect(rulesOf(policy, profileOf({ podTemplate: template }))).toContain('secrets');
    });

    it('which shares no pool with other teams but those that a value names, with the limit that it names', async () => {
      const profile = profileOf({}, { pools: [{ name: 'spot', spot: true, maxAttempts: 400, shared: true }] });
      expect(rulesOf((await rendered()).policy, profile)).toEqual(['pools']);
      const { policy } = await rendered('--set-json', 'policy={"pools":{"spot":40}}');
      expect(rulesOf(policy, profile)).toEqual([]);
      expect(policy.pools).toEqual({ spot: 40 });
    });

    it('whose rules a value takes the place of, and whose namespaces are those of the Jobs', async () => {
      const settings = ['--set-json', 'policy={"images":["own/*"],"buckets":["b/runs"]}', '--set', 'rbac.jobNamespaces={south}'];
      const { policy } = await rendered(...settings);
      expect(policy).toMatchObject({ images: ['own/*'], buckets: ['b/runs'], namespaces: ['south'], commands: [] });
    });
  });

  describe('installed', () => {
    let cluster: Cluster;
    let lab: ExampleLab;
    beforeAll(async () => {
      cluster = sharedCluster();
      lab = await openExampleLab(cluster, NAMESPACE);
    });
    afterAll(async () => {
      await lab.close();
    });

    it('runs one Deployment a task queue under Pod Security "restricted", and the console answers', async () => {
      const deployments = await cluster.kubectl(['-n', NAMESPACE, 'get', 'deployments', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}']); // prettier-ignore
      const named = deployments.trim().replace(/(-control)-1-[0-9a-f]{6}=/, '$1=');
      expect(named.split(' ').sort()).toEqual(
        ['console', 'control', 'sampler', 'training', 'warehouse'].map((name) => `${RELEASE}-${name}=1`),
      );
    });

    it('is found healthy by helm test, which asks Temporal from a pod with the workers’ account', async () => {
      const where = ['--kubeconfig', cluster.kubeconfig, '--namespace', NAMESPACE];
      expect(await helm(['test', RELEASE, ...where, '--timeout', '300s'])).toMatch(/TEST SUITE: +longhaul-doctor[^]*Phase: +Succeeded/);
    });

    it('lets its console be opened with the token that it made, and keeps it over an upgrade', async () => {
      const token = async (): Promise<string> =>
        await cluster.kubectl(['-n', NAMESPACE, 'get', 'secret', `${RELEASE}-console-tokens`, '-o', 'jsonpath={.data.tokens}']);
      const first = await token();
      expect(Buffer.from(first, 'base64').toString()).toMatch(/^[A-Za-z0-9]{48} operator administrator$/);
      await upgradeChart(cluster, NAMESPACE, '1');
      expect(await token()).toBe(first);
    });

    it('is found healthy by longhaul doctor, as the account of its workers', async () => {
      const config = kubernetesConfig(cluster, NAMESPACE, { kubeconfig: await kubeconfigOf(cluster, RELEASE) });
      const checks = await checkKubernetes(config, [poolOf('spot')]);
      expect(checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(checks.length).toBeGreaterThan(PERMISSIONS.length);
    });

    it('doctor names each right that an account lacks, with the command that grants it, and what is wrong with pools', async () => {
      await cluster.kubectl(['-n', NAMESPACE, 'create', 'serviceaccount', 'stranger']);
      const config = kubernetesConfig(cluster, NAMESPACE, { kubeconfig: await kubeconfigOf(cluster, 'stranger') });
      const denied = (await checkKubernetes(config, [poolOf('spot')])).filter(({ ok }) => !ok);
      for (const { verbs } of PERMISSIONS)
        for (const verb of verbs) expect(denied.map(({ name }) => name).join('\n')).toContain(`may ${verb} `);
      expect(denied.find(({ name }) => name === `may create jobs in namespace ${NAMESPACE}`)?.remedy).toContain(
        `kubectl -n ${NAMESPACE} create role longhaul-jobs --verb=create,delete,get,list,watch --resource=jobs`,
      );
      const pools = await checkKubernetes(kubernetesConfig(cluster, NAMESPACE), [poolOf('no-such-pool')]);
      expect(pools.find(({ name }) => name === 'pool no-such-pool')).toMatchObject({ ok: true, unsure: true, detail: expect.stringMatching(/no node has the labels pool=no-such-pool/) as string }); // prettier-ignore
    });

    it('runs the example from raw data to an evaluation', async () => {
      const result = await (await lab.start('calm', SMALL_EXAMPLE)).result();
      expect(result.steps.map(({ id, status }) => `${id} ${status}`).filter((step) => !step.endsWith(' succeeded'))).toEqual([]);
      expect((await lab.tableOf('calm')).trials).toHaveLength(2);
      const { outputs = {} } = result.steps.find(({ id }) => id === 'evaluate') ?? {};
      expect(Number(outputs['average_rank'])).toBeLessThan(Number(outputs['baseline_average_rank']));
    });

    it('has left no orphan, and gc finds and removes a Job whose run nobody knows', async () => {
      const gc = async (...args: string[]): Promise<readonly { what: string; name: string }[]> => {
        const { code, stdout, stderr } = await runCli(['gc', 'calm', '--output', 'json', ...args], { cwd: lab.directory, env: lab.env });
        expect(code, stderr).toBe(0);
        return (JSON.parse(stdout) as { found: { what: string; name: string }[] }).found;
      };
      const orphans = async (): Promise<string[]> =>
        (await gc('--dry-run', '--orphans')).filter(({ what }) => what === 'orphan').map(({ name }) => name);
      expect(await orphans()).toEqual([]);
      const job = shellJob('sleep 3600', { labels: { pipeline: 'grocery-ranking', run: 'forgotten', step: 'search' } });
      await lab.compute.create(job);
      expect(await orphans()).toEqual([job.name]);
      expect((await gc('--orphans')).map(({ name }) => name)).toContain(job.name);
      expect(await lab.compute.list()).toEqual([]);
    });
  });
});

/** A kubeconfig with the token of a service account, beside the administrator's. */
async function kubeconfigOf(cluster: Cluster, account: string): Promise<string> {
  const token = (await cluster.kubectl(['-n', NAMESPACE, 'create', 'token', account])).trim();
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { users: { user: object }[] };
  for (const entry of config.users) entry.user = { token };
  const file = join(cluster.directory, `token-${account}`);
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

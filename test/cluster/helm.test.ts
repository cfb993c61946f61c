/** The chart on a real cluster: its workers, with the rights it gives them, train a model whose machines are taken away twice. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { checkKubernetes } from '../../src/adapters/kubernetes/doctor.ts';
import { PERMISSIONS, resourceName } from '../../src/adapters/kubernetes/permissions.ts';
import { podOf } from '../../src/adapters/kubernetes/pods.ts';
import { attemptJobName } from '../../src/contract/ids.ts';
import { readFileSync } from 'node:fs';
import { CHART, helm, RELEASE } from './chart.ts';
import { clusterCanRun, kubernetesConfig, poolOf, sharedCluster } from './harness.ts';
import { openTrialLab } from './trial-lab.ts';
import type { TrialLab } from './trial-lab.ts';

const NAMESPACE = 'helm';
const PATIENCE = { timeout: 180_000, interval: 200 };

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

describe.skipIf(!clusterCanRun())('the Helm chart', { timeout: 500_000 }, () => {
  it('has nothing that helm lint complains about', async () => {
    expect(await helm(['lint', CHART, '--strict'])).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it('gives the rights that Longhaul uses, and no more', async () => {
    const rendered = await helm(['template', 'x', CHART, '--kube-version', '1.35.0']);
    const roles = parseAllDocuments(rendered)
      .map((document) => document.toJS() as { kind?: string; rules?: readonly Rule[] } | null)
      .filter((object) => object?.kind === 'Role' || object?.kind === 'ClusterRole');
    const granted = roles.flatMap((role) => (role?.rules ?? []).map((rule) => `${role?.kind} ${rule.apiGroups.join()}/${rule.resources.join()}: ${rule.verbs.join()}`)); // prettier-ignore
    const used = PERMISSIONS.map(
      (one) => `${one.namespaced ? 'Role' : 'ClusterRole'} ${one.group}/${resourceName(one)}: ${one.verbs.join()}`,
    );
    expect(granted.sort()).toEqual([...used].sort());
  });

  describe('installed', () => {
    let cluster: Cluster;
    let lab: TrialLab;
    beforeAll(async () => {
      cluster = sharedCluster();
      lab = await openTrialLab(cluster, { namespace: NAMESPACE, pools: ['spot'], chart: true });
    });
    afterAll(async () => {
      await lab.close();
    });

    it('runs one Deployment a task queue under Pod Security "restricted", and the console answers', async () => {
      const deployments = await cluster.kubectl(['-n', NAMESPACE, 'get', 'deployments', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}']); // prettier-ignore
      expect(deployments.trim().split(' ').sort()).toEqual(
        ['console', 'control', 'sampler', 'training', 'warehouse'].map((name) => `${RELEASE}-${name}=1`),
      );
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
      expect(pools.find(({ name }) => name === 'pool no-such-pool')).toMatchObject({ ok: false, detail: expect.stringMatching(/no node has the labels pool=no-such-pool/) as string }); // prettier-ignore
    });

    it('trains the same bits whether its pods are evicted or not', async () => {
      const client = openClient(kubernetesConfig(cluster, NAMESPACE));
      const undisturbed = await (await lab.start('calm')).result();
      expect(undisturbed.status, undisturbed.reason ?? '').toBe('succeeded');
      const stormy = await lab.start('stormy');
      for (const attempt of [1, 2]) {
        await expect
          .poll(async () => (await lab.records('stormy')).some((record) => record.attempt === attempt && record.kind !== 'start'), PATIENCE)
          .toBe(true);
        const name = (await podOf(client, attemptJobName('stormy', 'search', 0, attempt)))?.metadata?.name ?? '';
        const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } };
        await client.request('POST', `${client.podsPath(name)}/eviction`, { body });
      }
      const disturbed = await stormy.result();
      expect(disturbed).toMatchObject({ status: 'succeeded', carried: { attempts: 3, preemptions: 2 } });
      expect(disturbed.weightsSha256).toBe(undisturbed.weightsSha256);
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

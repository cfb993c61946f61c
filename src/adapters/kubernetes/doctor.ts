/** Asks a cluster for each right, pool and acceptance that a profile needs. */
import { randomUUID } from 'node:crypto';
import type { V1Job, V1Node, V1SelfSubjectAccessReview, V1SelfSubjectReview } from '@kubernetes/client-node';
import type { Pool } from '../../contract/profile.ts';
import type { DoctorCheck } from '../../ports/doctor.ts';
import { openClient } from './client.ts';
import type { KubeClient, KubernetesConfig } from './client.ts';
import { translate } from './errors.ts';
import { jobManifest } from './job-manifest.ts';
import { PERMISSIONS, QUEUE_PERMISSIONS, resourceName } from './permissions.ts';
import { poolCheck } from './pool-nodes.ts';
import type { Permission } from './permissions.ts';

/** `system:serviceaccount:NAMESPACE:NAME`, as the API server calls an account. */
const ACCOUNT = 'system:serviceaccount:';

/**
 * Rights are those of `account`, the rest is asked as whoever we are.
 *
 * @param account of the workers: `system:serviceaccount:NAMESPACE:NAME`; our own rights when left out
 */
export async function checkKubernetes(config: KubernetesConfig, pools: readonly Pool[], account?: string): Promise<DoctorCheck[]> {
  const opened = tryOpen(config);
  if ('detail' in opened) return [opened];
  const client = opened;
  const reach = await asked('Kubernetes API server', config, async () => {
    const { gitVersion } = await client.request<{ gitVersion: string }>('GET', '/version');
    return `it answers, ${gitVersion}; rights are asked for ${account ?? (await ownName(client))}`;
  });
  if (!reach.ok) return [reach];
  const used = config.queue === undefined ? PERMISSIONS : [...PERMISSIONS, ...QUEUE_PERMISSIONS];
  const rights = await Promise.all(
    used.flatMap((permission) => permission.verbs.map((verb) => rightCheck(client, permission, verb, account))),
  );
  return [reach, ...rights, ...(await admissionChecks(client, config, pools[0])), ...(await poolChecks(client, pools))];
}

/** Who the API server takes us for. */
async function ownName(client: KubeClient): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  try {
    const { status } = await client.request<V1SelfSubjectReview>('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body });
    const name = status?.userInfo?.username ?? 'ourselves';
    return name.startsWith(ACCOUNT) ? name : `${name}, and not for the workers: name their account by --as`;
  } catch {
    return 'ourselves';
  }
}

/** As the API server knows the groups of an account. */
function groupsOf(account: string): readonly string[] {
  const [namespace = ''] = account.slice(ACCOUNT.length).split(':');
  return ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

function tryOpen(config: KubernetesConfig): KubeClient | DoctorCheck {
  try {
    return openClient(config);
  } catch (error) {
    const remedy = 'gcloud container clusters get-credentials CLUSTER --location LOCATION';
    return { name: 'Kubernetes API server', ok: false, detail: error instanceof Error ? error.message : String(error), remedy };
  }
}

async function asked(name: string, config: KubernetesConfig, ask: () => Promise<string>): Promise<DoctorCheck> {
  try {
    return { name, ok: true, detail: await ask() };
  } catch (error) {
    const { message } = translate(error, name, config.namespace);
    const missing = message.includes('there is no namespace');
    return { name, ok: false, detail: message, ...(missing ? { remedy: `kubectl create namespace ${config.namespace}` } : {}) };
  }
}

async function rightCheck(client: KubeClient, permission: Permission, verb: string, account?: string): Promise<DoctorCheck> {
  const what = resourceName(permission);
  const where = permission.namespaced ? ` in namespace ${client.namespace}` : '';
  const name = `may ${verb} ${what}${where}`;
  const { group, resource, subresource } = permission;
  const resourceAttributes = { group, resource, subresource, verb, ...(permission.namespaced ? { namespace: client.namespace } : {}) };
  const kind = account === undefined ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
  const who = account === undefined ? {} : { user: account, groups: groupsOf(account) };
  const body = { apiVersion: 'authorization.k8s.io/v1', kind, spec: { resourceAttributes, ...who } };
  try {
    const path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`;
    const { status } = await client.request<V1SelfSubjectAccessReview>('POST', path, { body });
    if (status?.allowed) return { name, ok: true, detail: permission.why };
    return {
      name,
      ok: false,
      detail: `no${status?.reason ? ` (${status.reason})` : ''}; ${permission.why}`,
      remedy: grant(client, permission, account),
    };
  } catch (error) {
    return { name, ok: false, detail: translate(error, name, client.namespace).message };
  }
}

function grant(client: KubeClient, permission: Permission, asked?: string): string {
  const { verbs, namespaced } = permission;
  const role = `longhaul-${resourceName(permission).replace('/', '-')}`;
  // kubectl looks for the kinds of others by their group.
  const resource = permission.group.includes('.') ? `${resourceName(permission)}.${permission.group}` : resourceName(permission);
  const flags = `${role} --verb=${verbs.join(',')} --resource=${resource}`;
  const account = `--serviceaccount=${asked?.slice(ACCOUNT.length) ?? `${client.namespace}:longhaul`}`;
  return namespaced
    ? `kubectl -n ${client.namespace} create role ${flags} && kubectl -n ${client.namespace} create rolebinding ${role} --role=${role} ${account}`
    : `kubectl create clusterrole ${flags} && kubectl create clusterrolebinding ${role} --clusterrole=${role} ${account}`;
}

/**
 * Dry runs go through validation, admission webhooks and quotas, and make nothing: of a Job, and of its pod, which Pod Security and quotas of
 * pods look at only when the Job's controller makes it.
 */
async function admissionChecks(client: KubeClient, config: KubernetesConfig, pool: Pool | undefined): Promise<DoctorCheck[]> {
  const name = 'a Job as this profile makes it';
  if (!pool) return [{ name, ok: false, detail: 'the profile has no pool' }];
  const dryRun = async (path: string, body: object): Promise<string> => {
    await client.request('POST', path, { query: { dryRun: 'All' }, body });
    return 'the API server takes it (dry run)';
  };
  const pods: object[] = [];
  const made = await asked(name, config, () => {
    const job = doctorsJob(config, pool);
    const { metadata, spec } = job.spec?.template ?? {};
    pods.push({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: job.metadata?.name, labels: metadata?.labels, annotations: metadata?.annotations },
      spec,
    });
    return dryRun(client.jobsPath(), job);
  });
  const [pod] = pods;
  if (!made.ok || pod === undefined) return [made];
  const taken = await asked('its pod', config, () => dryRun(client.podsPath(), pod));
  // The Job's controller makes pods; workers have no right to.
  if (taken.ok || !/cannot create resource "pods"/.test(taken.detail)) return [made, taken];
  return [made, { name: 'its pod', ok: true, unsure: true, detail: 'not asked: who asks may not create pods; let somebody ask who may' }];
}

const doctorsJob = (config: KubernetesConfig, pool: Pool): V1Job =>
  jobManifest(
    {
      // A dry run, too, is refused a name that something has, such as the Job of `helm test`.
      name: `longhaul-doctor-${randomUUID()}`,
      labels: { pipeline: 'doctor', run: 'doctor', step: 'doctor' },
      command: ['true'],
      env: {},
      resources: { cpu: 0.1, memoryMb: 64, gpu: 0 },
      pool,
      graceSeconds: config.graceSeconds,
    },
    config,
  );

async function poolChecks(client: KubeClient, pools: readonly Pool[]): Promise<DoctorCheck[]> {
  try {
    const { items } = await client.request<{ items: V1Node[] }>('GET', '/api/v1/nodes');
    return pools.map((pool) => poolCheck(pool, items));
  } catch (error) {
    const { message } = translate(error, 'nodes', client.namespace);
    return pools.map(({ name }) => ({ name: `pool ${name}`, ok: false, detail: message }));
  }
}

const REGION = 'topology.kubernetes.io/region';
const ZONE = 'topology.kubernetes.io/zone';

/** Regions of the nodes and of what the pools select; empty: not known. */
export async function regionsOfCluster(config: KubernetesConfig, pools: readonly Pool[]): Promise<readonly string[]> {
  const selected = pools.map(({ nodeSelector }) => nodeSelector);
  let labels: readonly (Readonly<Record<string, string>> | undefined)[] = [];
  try {
    const { items } = await openClient(config).request<{ items: V1Node[] }>('GET', '/api/v1/nodes');
    labels = items.map(({ metadata }) => metadata?.labels);
  } catch {
    // Whoever may not read nodes knows the pools at least.
  }
  const regions = [...labels, ...selected].map((each) => each?.[REGION] ?? each?.[ZONE]?.replace(/-[a-z]$/, ''));
  return [...new Set(regions.filter((region) => region !== undefined))];
}

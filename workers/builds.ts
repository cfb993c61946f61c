/**
 * Looks after the builds of a release's control workers, once: makes the build that the release asks for the current one as soon as it serves, and
 * removes the Deployments of builds that have drained. The chart runs it every minute (deploy/helm/longhaul/templates/builds.yaml).
 */
import type { V1Deployment, V1OwnerReference } from '@kubernetes/client-node';
import type { NativeConnection } from '@temporalio/worker';
import { openClient } from '../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../src/adapters/kubernetes/client.ts';
import { buildSteps } from '../src/rules/worker-builds.ts';
import type { VersionStatus } from '../src/rules/worker-builds.ts';
import { connect } from './connection.ts';
import { deploymentName as deploymentOf } from './versioning.ts';

const BUILD = 'longhaul.dev/build';
const MERGE_PATCH = 'application/merge-patch+json';
/** gRPC. */
const NOT_FOUND = 5;
/** `temporal.api.enums.v1.WorkerDeploymentVersionStatus`. */
const STATUSES: readonly VersionStatus[] = ['unknown', 'inactive', 'current', 'current', 'draining', 'drained'];

const required = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name}: expected a value; the chart sets it`);
  return value;
};

const [release, kubernetesNamespace] = [required('LONGHAUL_RELEASE'), required('LONGHAUL_NAMESPACE')];
const deploymentName = deploymentOf();
const deploymentsPath = `/apis/apps/v1/namespaces/${kubernetesNamespace}/deployments`;
const kube = openClient({ namespace: kubernetesNamespace });
const { connection, namespace } = await connect();
try {
  const { workflowService } = connection;
  // In this order: an upgrade says which build it wants before it adds that one's Deployment.
  const found = await controlDeployments(kube);
  const { wanted, owner } = await releaseOf(kube);
  await own(kube, found, owner);
  const versions = await versionsOf(workflowService);
  const deployments = found.map(({ metadata, status }) => ({
    name: metadata?.name ?? '',
    build: metadata?.annotations?.[BUILD] ?? '',
    ready: status?.readyReplicas ?? 0,
  }));
  const steps = buildSteps({ wanted, ...versions, deployments });
  if (steps.promote !== null)
    await workflowService.setWorkerDeploymentCurrentVersion({
      namespace,
      deploymentName,
      buildId: steps.promote,
      identity: 'longhaul-builds',
    });
  for (const name of steps.retire)
    await kube.request('DELETE', `${deploymentsPath}/${name}`, { body: { propagationPolicy: 'Background' } });
  process.stdout.write(`${JSON.stringify({ wanted, current: versions.current, ...steps })}\n`);
} finally {
  await connection.close();
}

async function versionsOf(
  service: NativeConnection['workflowService'],
): Promise<{ current: string | null; statusOf: (build: string) => VersionStatus }> {
  const described = await service.describeWorkerDeployment({ namespace, deploymentName }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === NOT_FOUND) return null;
    throw error;
  });
  const info = described?.workerDeploymentInfo;
  const known = new Map(
    (info?.versionSummaries ?? []).map(({ deploymentVersion, status }) => [
      deploymentVersion?.buildId ?? '',
      STATUSES[(status as number | null | undefined) ?? 0] ?? 'unknown',
    ]),
  );
  return {
    current: info?.routingConfig?.currentDeploymentVersion?.buildId ?? null,
    statusOf: (build) => known.get(build) ?? 'unknown',
  };
}

async function controlDeployments(client: KubeClient): Promise<readonly V1Deployment[]> {
  const query = { labelSelector: `app.kubernetes.io/instance=${release},app.kubernetes.io/component=control,${BUILD}` };
  return (await client.request<{ items: V1Deployment[] }>('GET', deploymentsPath, { query })).items;
}

/** Those of builds before are no part of the release any more (`helm.sh/resource-policy: keep`); owned by a part of it, they go with it. */
async function own(client: KubeClient, deployments: readonly V1Deployment[], owner: V1OwnerReference): Promise<void> {
  for (const { metadata } of deployments)
    if (!metadata?.ownerReferences?.some(({ uid }) => uid === owner.uid))
      await client.request('PATCH', `${deploymentsPath}/${metadata?.name}`, {
        body: { metadata: { ownerReferences: [owner] } },
        contentType: MERGE_PATCH,
      });
}

/** Of the release as it is now: a pod that began before an upgrade must not undo it. */
async function releaseOf(client: KubeClient): Promise<{ wanted: string; owner: V1OwnerReference }> {
  const name = `${release}-policy`;
  const { metadata } = await client.request<{ metadata: { uid: string; annotations?: Readonly<Record<string, string>> } }>(
    'GET',
    `/api/v1/namespaces/${kubernetesNamespace}/configmaps/${name}`,
  );
  const wanted = metadata.annotations?.[BUILD];
  if (wanted === undefined) throw new Error(`ConfigMap ${name}: expected the annotation ${BUILD}, found none; the chart sets it`);
  return { wanted, owner: { apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid } };
}

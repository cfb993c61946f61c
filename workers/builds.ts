/**
 * Looks after the builds of a release's control workers, once: makes the build that the release asks for the current one as soon as it serves, and
 * removes the Deployments of builds that have drained. The chart runs it every minute (deploy/helm/longhaul/templates/builds.yaml).
 */
import type { V1Deployment, V1OwnerReference } from '@kubernetes/client-node';
import type { NativeConnection } from '@temporalio/worker';
import { openClient } from '../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../src/adapters/kubernetes/client.ts';
import { buildSteps } from '../src/rules/builds.ts';
import type { VersionStatus } from '../src/rules/builds.ts';
import { connect } from './connection.ts';
import { deploymentOptions } from './versioning.ts';

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
const version = deploymentOptions()?.version;
if (!version) throw new Error('LONGHAUL_BUILD_ID: expected the build that the release asks for');
const { deploymentName, buildId: wanted } = version;
const deploymentsPath = `/apis/apps/v1/namespaces/${kubernetesNamespace}/deployments`;
const kube = openClient({ namespace: kubernetesNamespace });
const { connection, namespace } = await connect();
try {
  const { workflowService } = connection;
  const versions = await versionsOf(workflowService);
  const deployments = await controlDeployments(kube);
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

/** Those of builds before are no part of the release any more (`helm.sh/resource-policy: keep`); owned by a part of it, they go with it. */
async function controlDeployments(client: KubeClient): Promise<{ name: string; build: string; ready: number }[]> {
  const query = { labelSelector: `app.kubernetes.io/instance=${release},app.kubernetes.io/component=control,${BUILD}` };
  const { items } = await client.request<{ items: V1Deployment[] }>('GET', deploymentsPath, { query });
  const owner = await ownerOf(client);
  for (const { metadata } of items)
    if (!metadata?.ownerReferences?.some(({ uid }) => uid === owner.uid))
      await client.request('PATCH', `${deploymentsPath}/${metadata?.name}`, {
        body: { metadata: { ownerReferences: [owner] } },
        contentType: MERGE_PATCH,
      });
  return items.map(({ metadata, status }) => ({
    name: metadata?.name ?? '',
    build: metadata?.annotations?.[BUILD] ?? '',
    ready: status?.readyReplicas ?? 0,
  }));
}

async function ownerOf(client: KubeClient): Promise<V1OwnerReference> {
  const name = `${release}-policy`;
  const { metadata } = await client.request<{ metadata: { uid: string } }>(
    'GET',
    `/api/v1/namespaces/${kubernetesNamespace}/configmaps/${name}`,
  );
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid };
}

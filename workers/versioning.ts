/**
 * Worker Versioning (docs/upgrade.md): with LONGHAUL_BUILD_ID a control worker belongs to one version of a deployment. Trials stay with the
 * version that they began on, pipelines and searches move to the current one; without it, workers are unversioned, as on a laptop.
 */
import type { WorkerDeploymentOptions } from '@temporalio/worker';

const DEFAULT_DEPLOYMENT = 'longhaul';

export function deploymentOptions(environment: NodeJS.ProcessEnv = process.env): WorkerDeploymentOptions | undefined {
  const buildId = environment.LONGHAUL_BUILD_ID;
  if (buildId === undefined || buildId === '') return undefined;
  const deploymentName = environment.LONGHAUL_DEPLOYMENT ?? DEFAULT_DEPLOYMENT;
  return { version: { deploymentName, buildId }, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' };
}

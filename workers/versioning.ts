/**
 * Worker Versioning (docs/upgrade.md): with LONGHAUL_BUILD_ID a control worker belongs to one version of a deployment. Trials stay with the
 * version that they began on, pipelines and searches move to the current one; without it, workers are unversioned, as on a laptop.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection, WorkerDeploymentOptions } from '@temporalio/worker';
import { queueOf, teamOf } from '../src/contract/teams.ts';
import { GRACES } from '../src/rules/durations.ts';

const DEFAULT_DEPLOYMENT = 'longhaul';

/** Each team has one of its own. */
export const deploymentName = (environment: NodeJS.ProcessEnv = process.env): string =>
  environment.LONGHAUL_DEPLOYMENT ?? queueOf(teamOf(environment), DEFAULT_DEPLOYMENT);

export function deploymentOptions(environment: NodeJS.ProcessEnv = process.env): WorkerDeploymentOptions | undefined {
  const buildId = environment.LONGHAUL_BUILD_ID;
  if (buildId === undefined || buildId === '') return undefined;
  return {
    version: { deploymentName: deploymentName(environment), buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'AUTO_UPGRADE',
  };
}

/**
 * The first version of a deployment makes itself current: no workflow would find a worker otherwise. Later ones are made so by who deploys them.
 * Resolves when there is a current version, or when the signal aborts.
 */
export async function becomeFirstVersion(
  { connection, namespace }: { readonly connection: Pick<NativeConnection, 'workflowService'>; readonly namespace: string },
  { version: { deploymentName, buildId } }: WorkerDeploymentOptions,
  signal: AbortSignal,
): Promise<void> {
  const { workflowService } = connection;
  while (!signal.aborted) {
    try {
      const { workerDeploymentInfo, conflictToken } = await workflowService.describeWorkerDeployment({ namespace, deploymentName });
      if (workerDeploymentInfo?.routingConfig?.currentDeploymentVersion) return;
      await workflowService.setWorkerDeploymentCurrentVersion({
        namespace,
        deploymentName,
        buildId,
        conflictToken,
        identity: `build ${buildId}`,
      });
      return;
    } catch {
      // A server hears of a version a moment after its first worker polls.
      await sleep(GRACES.firstVersionRetryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

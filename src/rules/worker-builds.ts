/** What is to be done about the builds of the control workers: one is current, those before it stay until nothing that began on them is left. Pure. */

/** As Temporal says it of a version: `inactive` was never current; `unknown`: no worker of it ever came. */
export type VersionStatus = 'current' | 'inactive' | 'draining' | 'drained' | 'unknown';

interface ControlDeployment {
  readonly name: string;
  readonly build: string;
  /** Pods that serve. */
  readonly ready: number;
}

interface Builds {
  /** The one that the release asks for. */
  readonly wanted: string;
  readonly current: string | null;
  readonly deployments: readonly ControlDeployment[];
  readonly statusOf: (build: string) => VersionStatus;
}

interface BuildSteps {
  /** To be made current. */
  readonly promote: string | null;
  /** Names of Deployments that nothing needs any more. */
  readonly retire: readonly string[];
}

const OVER: ReadonlySet<VersionStatus> = new Set(['drained', 'inactive', 'unknown']);

/** @example buildSteps({ wanted: 'b', current: 'b', deployments, statusOf: () => 'drained' }).retire */
export function buildSteps({ wanted, current, deployments, statusOf }: Builds): BuildSteps {
  if (current !== wanted) {
    const serves = deployments.some(({ build, ready }) => build === wanted && ready > 0);
    return { promote: serves && statusOf(wanted) !== 'unknown' ? wanted : null, retire: [] };
  }
  return {
    promote: null,
    retire: deployments.filter(({ build }) => build !== wanted && OVER.has(statusOf(build))).map(({ name }) => name),
  };
}

/** Installs deploy/helm/longhaul on the test cluster, from images of this machine's programs. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureHelm } from '../../deploy/helm/tool.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { SCORING_WORKER_IMAGE, TRAINER_IMAGE, WORKER_IMAGE } from './images.ts';

export const CHART = fileURLToPath(new URL('../../deploy/helm/longhaul', import.meta.url));
export const RELEASE = 'longhaul';
const PATIENCE = '600s';

/** @throws Error with Helm's words */
export async function helm(args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(await ensureHelm(), [...args], { maxBuffer: 16 * 1024 * 1024 })).stdout;
}

/** Another build of the control workers, from the same image: to Temporal it is another one. */
export async function upgradeChart(cluster: Cluster, namespace: string, build: string): Promise<void> {
  const where = ['--kubeconfig', cluster.kubeconfig, '--namespace', namespace];
  await helm(['upgrade', RELEASE, CHART, ...where, '--reuse-values', '--set-string', `workers.control.buildId=${build}`]);
}

/** Waits until all pods are ready; returns what removes them. One replica each: the cluster's nodes are small. */
export async function installChart(cluster: Cluster, namespace: string, temporal: string): Promise<() => Promise<void>> {
  await cluster.kubectl([
    '-n',
    namespace,
    'create',
    'secret',
    'generic',
    'longhaul-temporal',
    `--from-literal=TEMPORAL_ADDRESS=${temporal}`,
  ]);
  const image = (key: string, name: string): string[] => {
    const [repository = '', tag = ''] = name.split(/:(?=[^:]*$)/);
    return ['--set', `${key}.repository=${repository},${key}.tag=${tag}`];
  };
  const small = 'requests.cpu=20m';
  const settings = [
    ...['control', 'warehouse', 'training'].map((name) => `workers.${name}.replicas=1,workers.${name}.resources.${small}`),
    `sampler.resources.${small},console.resources.${small}`,
    'nodeSelector.pool=on-demand',
    // Tests say when builds are looked after.
    'builds.schedule=0 0 1 1 *',
  ].flatMap((setting) => ['--set', setting]);
  // BigQuery and Cloud Storage are emulators here.
  const policy = ['--set-json', 'policy={"endpoints":["http://*"]}'];
  const where = ['--kubeconfig', cluster.kubeconfig, '--namespace', namespace];
  const images = [
    ...image('image', WORKER_IMAGE),
    ...image('trainerImage', TRAINER_IMAGE),
    ...image('workers.warehouse.image', SCORING_WORKER_IMAGE),
  ];
  try {
    await helm(['install', RELEASE, CHART, ...where, ...images, ...settings, ...policy, '--wait', '--timeout', PATIENCE]);
  } catch (error) {
    const pods = await cluster.kubectl(['-n', namespace, 'get', 'pods', '-o', 'wide']);
    const logs = await cluster.kubectl(['-n', namespace, 'logs', '--prefix', '--tail=15', '-l', `app.kubernetes.io/instance=${RELEASE}`]);
    throw new Error(`${String(error)}\n${pods}\n${logs}`);
  }
  return async () => {
    await helm(['uninstall', RELEASE, ...where, '--wait', '--timeout', PATIENCE]);
  };
}

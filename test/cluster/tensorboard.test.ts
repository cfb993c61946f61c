import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameOf, openKubernetesTensorboards } from '../../src/adapters/kubernetes/tensorboard.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { clusterCanRun, kubernetesConfig, makeNamespace, removeNamespace, sharedCluster } from './harness.ts';
import { TRAINER_IMAGE } from './images.ts';

const NAMESPACE = 'tensorboard';
const PIPELINE = `grocery_${randomBytes(2).toString('hex')}`;

describe.skipIf(!clusterCanRun())('TensorBoard on a cluster', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = sharedCluster();
    await makeNamespace(cluster, NAMESPACE);
  });
  afterAll(async () => {
    await removeNamespace(cluster, NAMESPACE);
  });

  it('is a Deployment and a Service that answer, found again by the next who starts it, and gone after it was stopped', async () => {
    const config = kubernetesConfig(cluster, NAMESPACE, { image: TRAINER_IMAGE, podTemplate: undefined });
    const tensorboards = openKubernetesTensorboards(config);
    const url = await tensorboards.start({ pipeline: PIPELINE, logdir: '/tmp/none' });
    expect(url).toBe(`http://${nameOf(PIPELINE)}.${NAMESPACE}.svc/`);
    expect(await tensorboards.start({ pipeline: PIPELINE, logdir: '/tmp/none' })).toBe(url);
    const kubectl = (...args: string[]): Promise<string> => cluster.kubectl(['-n', NAMESPACE, ...args]);
    await kubectl('wait', '--for=condition=Available', `deployment/${nameOf(PIPELINE)}`, '--timeout=600s');
    const endpoint = await kubectl(
      'get',
      'endpoints',
      nameOf(PIPELINE),
      '-o',
      'jsonpath={.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].port}',
    );
    expect(await (await fetch(`http://${endpoint}/`)).text()).toContain('TensorBoard');
    await tensorboards.stop(PIPELINE);
    await tensorboards.stop(PIPELINE);
    await kubectl('wait', '--for=delete', `deployment/${nameOf(PIPELINE)}`, `service/${nameOf(PIPELINE)}`, '--timeout=600s');
  });
});

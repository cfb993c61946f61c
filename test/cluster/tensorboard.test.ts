import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorboardName } from '../../src/contract/ids.ts';
import { openKubernetesTensorboards } from '../../src/adapters/kubernetes/tensorboard.ts';
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
    const place = { pipeline: PIPELINE, home: 'north' };
    const name = tensorboardName(PIPELINE, 'north');
    const url = await tensorboards.start({ ...place, logdir: '/tmp/none' });
    expect(url).toBe(`http://${name}.${NAMESPACE}.svc/`);
    expect(await tensorboards.start({ ...place, logdir: '/tmp/none' })).toBe(url);
    // Another team's pipeline of this name: its people are not sent to these pods, and its end is not theirs.
    const other = { pipeline: PIPELINE, home: 'south' };
    expect(await tensorboards.start({ ...other, logdir: '/tmp/other' })).not.toBe(url);
    const kubectl = (...args: string[]): Promise<string> => cluster.kubectl(['-n', NAMESPACE, ...args]);
    await kubectl('wait', '--for=condition=Available', `deployment/${name}`, '--timeout=600s');
    const endpoint = await kubectl('get', 'endpoints', name, '-o', 'jsonpath={.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].port}');
    expect(await (await fetch(`http://${endpoint}/`)).text()).toContain('TensorBoard');
    expect(await kubectl('get', 'endpoints', name, '-o', 'jsonpath={.subsets[0].addresses[*].ip}')).toMatch(/^[\d.]+$/);
    await tensorboards.stop(other);
    expect(await kubectl('get', 'deployment', name, '-o', 'name')).toContain(name);
    await tensorboards.stop(place);
    await tensorboards.stop(place);
    await kubectl('wait', '--for=delete', `deployment/${name}`, `service/${name}`, '--timeout=600s');
  });
});

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { poolsHere, profileIn, profilesByCluster, trainerImages } from '../../../src/contract/clusters.ts';
import { RunDocument } from '../../../src/contract/run-document.ts';
import { inlineQuery, pipeline, project } from './project.ts';

const HEAD = 'warehouse: { kind: duckdb, path: w }\nstorage: { kind: directory, path: store }\n';
const TWO = `clusters:
  eu-west1: { kind: kubernetes, context: gke_eu, image: eu/trainer:1, kubeconfig: ~/.kube/eu }
  us-east1: { kind: kubernetes, context: gke_us, image: us/trainer:1, namespace: team, grace: 25s, lostAfter: 12m }
`;
const POOLS = `pools:
  - { name: spot-eu, cluster: eu-west1, spot: true, pricePerHour: 0.04 }
  - { name: spot-us, cluster: us-east1, spot: true, pricePerHour: 0.03, egressPerGb: 0.02 }
`;
const FILES = { 'pipeline.yaml': pipeline(inlineQuery('d')) };
const compiled = async (text: string) => {
  await using made = await project({ ...FILES, 'profiles/p.yaml': text });
  return { ...(await made.compile({ profile: 'p' })), folder: made.folder };
};

describe('a profile of several clusters', () => {
  test('is a profile of one for the work of each pool', async () => {
    const { profile } = await compiled(HEAD + TWO + POOLS);
    const [eu, us] = profile.pools;
    if (!eu || !us) throw new Error('two pools');
    expect(profileIn(profile, us)).toMatchObject({
      cluster: 'us-east1',
      compute: { kind: 'kubernetes', context: 'gke_us', namespace: 'team', graceSeconds: 25 },
    });
    expect(profileIn(profile, us)).not.toHaveProperty('clusters');
    expect(profileIn(profile, us).compute).not.toHaveProperty('lostAfterSeconds');
    expect(profilesByCluster(profile).map((one) => [one.cluster, poolsHere(one).map(({ name }) => name)])).toEqual([
      ['eu-west1', ['spot-eu']],
      ['us-east1', ['spot-us']],
    ]);
    expect(trainerImages(profile)).toEqual(['eu/trainer:1', 'us/trainer:1']);
  });

  test('has its home in the cluster of the pool that is preferred', async () => {
    expect((await compiled(HEAD + TWO + POOLS)).profile).toMatchObject({ cluster: 'eu-west1', compute: { context: 'gke_eu' } });
    const preferred = await compiled(`${HEAD}${TWO}${POOLS}placement: { order: [spot-us, spot-eu] }`);
    expect(preferred.profile).toMatchObject({ cluster: 'us-east1', compute: { context: 'gke_us' } });
  });

  test('is a valid run document, whose places are absolute', async () => {
    const clusters = 'clusters: { a: { kind: process, path: jobs/a }, b: { kind: process, path: jobs/b, lostAfter: 90s } }\n';
    const { folder, ...document } = await compiled(`${HEAD}${clusters}pools: [{ name: one, cluster: b, spot: true }]`);
    expect(document.profile.clusters).toEqual({
      a: { kind: 'process', path: join(folder, 'jobs/a') },
      b: { kind: 'process', path: join(folder, 'jobs/b'), lostAfterSeconds: 90 },
    });
    expect(RunDocument.parse(JSON.parse(JSON.stringify(document))).profile).toEqual(document.profile);
  });

  test('is not made of a profile with one, nor of one with a suffix of its queue', async () => {
    const { profile } = await compiled(`${HEAD}compute: { kind: process, path: jobs }\ncluster: lab\npools: [{ name: a, spot: true }]`);
    expect(profile.clusters).toBeUndefined();
    expect(profile.pools.map((pool) => profileIn(profile, pool))).toEqual([profile]);
    expect(profilesByCluster(profile)).toEqual([profile]);
  });

  test.each([
    ['neither', POOLS, { message: 'nothing says where Jobs run' }],
    ['both', `${TWO}${POOLS}compute: { kind: process, path: j }`, { path: 'compute', found: 'both', line: 9 }],
    ['no cluster', `clusters: {}\n${POOLS}`, { path: 'clusters', message: 'there is no cluster in it' }],
    [
      'a pool of another one',
      TWO + POOLS.replace('cluster: us-east1', 'cluster: us-east'),
      { path: 'pools[1].cluster', found: 'us-east', hint: 'did you mean us-east1?' },
    ],
    [
      'a pool of none',
      TWO + POOLS.replace('cluster: us-east1, ', ''),
      { path: 'pools[1]', message: 'the pool spot-us names no cluster', expected: 'cluster: eu-west1 or us-east1' },
    ],
    [
      'a pool that names one where there are none',
      `compute: { kind: process, path: j }\n${POOLS}`,
      { path: 'pools[0].cluster', message: 'this profile has no `clusters`', found: 'eu-west1' },
    ],
    ['a suffix beside them', `${TWO}${POOLS}cluster: lab`, { path: 'cluster', found: 'lab' }],
    [
      'a field that no cluster has',
      TWO.replace('grace:', 'graec:') + POOLS,
      { path: 'clusters.us-east1.graec', hint: 'did you mean grace?' },
    ],
    ['a bound that is no duration', TWO.replace('12m', '12 apples') + POOLS, { path: 'clusters.us-east1.lostAfter' }],
    ['a path for shells', TWO.replace('~/.kube', '$HOME/.kube') + POOLS, { path: 'clusters.eu-west1.kubeconfig' }],
  ])('%s is one message', async (_what, text, says) => {
    await using made = await project({ ...FILES, 'profiles/p.yaml': HEAD + text });
    const problems = await made.problems({ profile: 'p' });
    expect(problems).toContainEqual(expect.objectContaining(says));
  });
});

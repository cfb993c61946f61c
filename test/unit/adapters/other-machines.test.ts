/** The profiles of docs/gke.md for machines that were never run on: each is one, and its pods ask for what it says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { jobManifest } from '../../../src/adapters/kubernetes/job-manifest.ts';
import { poolCheck } from '../../../src/adapters/kubernetes/pool-nodes.ts';
import { Compute, Pool } from '../../../src/contract/profile.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/gke.md'), 'utf8');
const pools = [...text.matchAll(/^```yaml pools\n([\s\S]*?)^```/gm)].flatMap(([, yaml]) => Pool.array().parse(parse(yaml ?? '')));
const compute = Compute.parse({ kind: 'kubernetes', image: 'trainer:1' }) as Extract<Compute, { kind: 'kubernetes' }>;

interface Pod {
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly { readonly key: string }[];
  readonly containers: readonly [{ readonly resources: { readonly limits: Readonly<Record<string, string>> } }];
}
const podOf = (name: string): Pod => {
  const pool = pools.find((each) => each.name === name)!;
  const labels = { pipeline: 'p', run: 'r', step: 's' };
  const resources = { cpu: 4, memoryMb: 8192, gpu: 4 };
  const manifest = jobManifest({ name: 'j', labels, command: ['train'], env: {}, resources, pool, graceSeconds: 15 }, compute);
  return manifest.spec?.template.spec as unknown as Pod;
};

describe('documented machines', () => {
  it.each([
    ['tpu', 'google.com/tpu', ['cloud.google.com/gke-spot', 'google.com/tpu']],
    ['mig-gke', 'nvidia.com/gpu', ['cloud.google.com/gke-spot', 'nvidia.com/gpu']],
    ['mig-mixed', 'nvidia.com/mig-1g.5gb', ['nvidia.com/mig-1g.5gb']],
    ['flex-start', 'nvidia.com/gpu', ['cloud.google.com/gke-flex-start', 'nvidia.com/gpu']],
    ['any-l4', 'nvidia.com/gpu', ['nvidia.com/gpu']],
  ])('%s asks for %s, and goes where its taints are', (name, resource, tolerated) => {
    const pod = podOf(name);
    expect(pod.containers[0].resources.limits[resource]).toBe('4');
    expect(pod.tolerations?.map(({ key }) => key)).toEqual(tolerated);
    const { nodeSelector } = pools.find((each) => each.name === name)!;
    expect(pod.nodeSelector ?? {}).toEqual(nodeSelector);
  });

  it('are all of those in the docs', () => {
    expect(pools.map(({ name }) => name)).toEqual(['tpu', 'mig-gke', 'mig-mixed', 'flex-start', 'any-l4']);
  });
});

describe('doctor', () => {
  const nodeOf = (pool: Pool, taints: readonly { readonly key: string; readonly value: string }[]) => ({
    metadata: { labels: pool.nodeSelector },
    spec: { taints: taints.map((taint) => ({ ...taint, effect: 'NoSchedule' })) },
  });

  it('counts nodes whose taints Jobs tolerate by themselves as open, and names those that they do not', () => {
    const tpu = pools.find(({ name }) => name === 'tpu')!;
    const own = ['cloud.google.com/gke-spot', 'google.com/tpu'].map((key) => ({ key, value: key.endsWith('spot') ? 'true' : 'present' }));
    expect(poolCheck(tpu, [nodeOf(tpu, own)])).toMatchObject({ ok: true });
    expect(poolCheck(tpu, [nodeOf(tpu, [...own, { key: 'team', value: 'ads' }])])).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/: team=ads:NoSchedule$/) as string,
    });
  });
});

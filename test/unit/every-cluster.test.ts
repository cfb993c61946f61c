import { describe, expect, test } from 'vitest';
import type { Profile } from '../../src/contract/profile.ts';
import { Profile as ProfileSchema } from '../../src/contract/profile.ts';
import type { Compute, JobInfo } from '../../src/ports/compute.ts';
import { everyCluster } from '../../src/ports/every-cluster.ts';

const profile = ProfileSchema.parse({
  warehouse: { kind: 'duckdb', path: '/w' },
  storage: { kind: 'directory', path: '/s' },
  compute: { kind: 'process', path: '/a' },
  clusters: { a: { kind: 'process', path: '/a' }, b: { kind: 'process', path: '/b' } },
  pools: [
    { name: 'one', cluster: 'a', spot: true },
    { name: 'two', cluster: 'b', spot: true },
  ],
});

/** What each cluster has, or null: it does not answer. */
function clusters(jobs: Readonly<Record<string, readonly string[] | null>>) {
  const removed: string[] = [];
  const compute = async ({ cluster = '' }: Profile): Promise<Compute> => {
    const names = jobs[cluster];
    if (!names) throw new Error(`${cluster} is away`);
    return {
      list: async () => names.map((name): JobInfo => ({ name, labels: {}, phase: 'running' })),
      remove: async (name: string) => void removed.push(`${cluster}/${name}`),
      logs: async function* (name: string) {
        yield `${cluster}/${name}`;
      },
    } as unknown as Compute;
  };
  return { ports: { compute }, removed };
}

async function linesOf(compute: Compute, job: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of compute.logs(job)) lines.push(line);
  return lines;
}

describe('the Jobs of every cluster', () => {
  test('are listed as one, and each is asked where it is', async () => {
    const { ports, removed } = clusters({ a: ['x'], b: ['y', 'z'] });
    const all = await everyCluster(ports, profile);
    expect((await all.list()).map(({ name }) => name)).toEqual(['x', 'y', 'z']);
    await all.remove('y');
    expect(removed).toEqual(['b/y']);
    expect(await linesOf(all, 'x')).toEqual(['a/x']);
  });

  test('one that nobody listed yet is looked for', async () => {
    const { ports } = clusters({ a: ['x'], b: ['y'] });
    expect(await linesOf(await everyCluster(ports, profile), 'y')).toEqual(['b/y']);
  });

  test('leave out a cluster that does not answer, and tell of it', async () => {
    const { ports } = clusters({ a: null, b: ['y'] });
    const silent: string[] = [];
    const all = await everyCluster(ports, profile, { onSilent: (cluster) => silent.push(cluster) });
    expect((await all.list()).map(({ name }) => name)).toEqual(['y']);
    expect(silent).toEqual(['a']);
  });

  test('are an error where none answers', async () => {
    await expect(everyCluster(clusters({ a: null, b: null }).ports, profile)).rejects.toThrow('a is away');
  });
});

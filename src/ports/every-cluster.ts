/** For those who look at a whole run: the Jobs of all clusters of its profile as those of one machine. */
import { profilesByCluster } from '../contract/clusters.ts';
import type { Profile } from '../contract/profile.ts';
import type { Compute, JobInfo } from './compute.ts';
import type { Ports } from './index.ts';

interface InCluster {
  readonly cluster: string;
  readonly compute: Compute;
}

interface EveryClusterOptions {
  /** A cluster that cannot be asked is left out of lists, and told of here. */
  readonly onSilent?: (cluster: string, error: unknown) => void;
}

/**
 * Lists and reads; Jobs are made in a cluster of their own.
 *
 * @throws what the cluster says where it is the only one, or where no one answers
 */
export async function everyCluster(
  ports: Pick<Ports, 'compute'>,
  profile: Profile,
  { onSilent }: EveryClusterOptions = {},
): Promise<Compute> {
  const profiles = profilesByCluster(profile);
  const [only] = profiles;
  if (only !== undefined && profiles.length === 1) return ports.compute(only);
  const opened = await answersOf(
    profiles.map((each) => ({ cluster: each.cluster ?? '', ask: () => ports.compute(each) })),
    onSilent,
  );
  const clusters = opened.map(({ cluster, answer }): InCluster => ({ cluster, compute: answer }));
  const owners = new Map<string, Compute>();
  const list = async (labels?: Readonly<Record<string, string>>): Promise<readonly JobInfo[]> => {
    const asked = clusters.map(({ cluster, compute }) => ({
      cluster,
      ask: async () => (await compute.list(labels)).map((job) => ({ job, compute })),
    }));
    const found = (await answersOf(asked, onSilent)).flatMap(({ answer }) => answer);
    for (const { job, compute } of found) owners.set(job.name, compute);
    return found.map(({ job }) => job);
  };
  const owner = async (name: string): Promise<Compute> => {
    if (!owners.has(name)) await list();
    const found = owners.get(name) ?? clusters[0]?.compute;
    if (found === undefined) throw new Error(`no cluster is there to ask for ${name}`);
    return found;
  };
  return {
    create: () => Promise.reject(new Error('a Job is made in one cluster')),
    watch: async (name, options) => (await owner(name)).watch(name, options),
    terminate: async (name) => (await owner(name)).terminate(name),
    remove: async (name, options) => (await owner(name)).remove(name, options),
    logs: async function* (name, options) {
      yield* (await owner(name)).logs(name, options);
    },
    list,
    close: () => Promise.resolve(),
  };
}

interface Answer<T> {
  readonly cluster: string;
  readonly answer: T;
}

async function answersOf<T>(
  asked: readonly { readonly cluster: string; readonly ask: () => Promise<T> }[],
  onSilent: EveryClusterOptions['onSilent'],
): Promise<readonly Answer<T>[]> {
  const settled = await Promise.allSettled(asked.map(async ({ cluster, ask }): Promise<Answer<T>> => ({ cluster, answer: await ask() })));
  const answers = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  for (const [i, each] of settled.entries()) {
    if (each.status === 'fulfilled') continue;
    if (answers.length === 0) throw each.reason;
    onSilent?.(asked[i]?.cluster ?? '', each.reason);
  }
  return answers;
}

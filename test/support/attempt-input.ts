/** The first attempt of a small trial in a store of a test. */
import { Profile } from '../../src/contract/profile.ts';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import type { ObjectStore } from '../../src/ports/index.ts';

export async function attemptInput(
  store: Pick<ObjectStore, 'root' | 'write'>,
  { profile = {}, spec = {} }: { readonly profile?: object; readonly spec?: object } = {},
): Promise<AttemptInput> {
  const layout = { kind: 'flat', session: 'session', item: 'item', label: 'label' };
  const features = [{ name: 'price', type: 'numeric', default: 0 }];
  await store.write(`${store.root}/features.json`, JSON.stringify({ layout, features, segments: [] }));
  const folder = store.root.replace('file://', '');
  const parsed = Profile.parse({
    warehouse: { kind: 'duckdb', path: folder },
    storage: { kind: 'directory', path: folder },
    compute: { kind: 'process', path: folder },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1 }],
    ...profile,
  });
  return {
    trial: {
      run: 'run',
      pipeline: 'pipeline',
      step: 'search',
      trial: 0,
      parameters: { learning_rate: 0.01 },
      profile: parsed,
      spec: SearchSpec.parse({
        kind: 'search',
        data: { train: 'file:///train' },
        features: `${store.root}/features.json`,
        objective: { metric: 'loss', goal: 'minimize' },
        space: { learning_rate: { type: 'float', low: 0.001, high: 0.1 } },
        trials: 1,
        output: `${store.root}/out`,
        ...spec,
      }),
      output: `${store.root}/out/trial-0`,
      commit: 'abc',
      search: null,
      priority: 0,
      deadlineAt: null,
      fork: null,
    },
    attempt: 1,
    pool: parsed.pools[0]!,
    memoryMb: 64,
    noCapacitySeconds: 60,
    lastProgress: 0,
    samples: 0,
    meanSecondsBetweenPreemptions: null,
  };
}

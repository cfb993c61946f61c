import { describe, expect, it } from 'vitest';
import { Profile } from '../../../src/contract/profile.ts';
import { isOwnPlace, placesOf, placeText, type Place } from '../../../src/rules/own-places.ts';

const MINE = {
  warehouse: { kind: 'bigquery', project: 'acme', dataset: 'ranking' },
  storage: { kind: 'gcs', bucket: 'acme-models', prefix: 'ranking' },
  compute: { kind: 'kubernetes', image: 'train:1', namespace: 'jobs', kubeconfig: '/home/ada/.kube/config', context: 'acme' },
};
const LOCAL = {
  warehouse: { kind: 'duckdb', path: '/home/ada/p/.longhaul/warehouse' },
  storage: { kind: 'directory', path: '/home/ada/p/.longhaul/store' },
  compute: { kind: 'process', path: '/home/ada/p/.longhaul/jobs' },
};
type Written = typeof MINE | typeof LOCAL;
const own = [MINE, LOCAL].map((each) => placesOf(Profile.parse(each)));
const answer = (part: Place, changed: object, base: Written = MINE): boolean =>
  isOwnPlace(own, Profile.parse({ ...base, [part]: { ...base[part], ...changed } }), part);

describe('a place of a run', () => {
  it.each<[Place, object, Written]>([
    ['storage', {}, MINE],
    ['storage', { prefix: '/ranking/' }, MINE],
    ['storage', { prefix: 'ranking/nightly' }, MINE],
    ['warehouse', {}, MINE],
    ['warehouse', { location: 'EU', labels: { cost: 'ml' }, pricePerTib: 5 }, MINE],
    ['compute', { image: 'train:2', queue: 'spot' }, MINE],
    ['storage', {}, LOCAL],
    ['warehouse', { threads: 2 }, LOCAL],
    ['compute', {}, LOCAL],
  ])('%s with %j is one of the caller’s', (part, changed, base) => {
    expect(answer(part, changed, base)).toBe(true);
  });

  it.each<[Place, object, Written]>([
    ['storage', { bucket: 'theirs' }, MINE],
    ['storage', { prefix: '' }, MINE],
    ['storage', { prefix: 'ranking-too' }, MINE],
    ['storage', { prefix: 'ranking/../payroll' }, MINE],
    ['storage', { apiEndpoint: 'https://token.catcher' }, MINE],
    ['warehouse', { project: 'theirs' }, MINE],
    ['warehouse', { dataset: 'payroll' }, MINE],
    ['warehouse', { apiEndpoint: 'https://token.catcher' }, MINE],
    ['compute', { namespace: 'kube-system' }, MINE],
    ['compute', { kubeconfig: '/tmp/runs-a-program' }, MINE],
    ['compute', { kubeconfig: undefined }, MINE],
    ['compute', { context: 'production' }, MINE],
    ['storage', { path: '/home/ada/.ssh' }, LOCAL],
    ['storage', { path: '/home/ada/p/.longhaul/store/../../..' }, LOCAL],
    ['warehouse', { path: '/home/ada' }, LOCAL],
    ['compute', { path: '/tmp/jobs' }, LOCAL],
  ])('%s with %j is none', (part, changed, base) => {
    expect(answer(part, changed, base)).toBe(false);
  });

  it('is a stranger’s where a warehouse of one’s own reads a store that is not', () => {
    expect(isOwnPlace(own, Profile.parse({ ...MINE, storage: { ...MINE.storage, bucket: 'theirs' } }), 'warehouse')).toBe(false);
  });

  it('is known of each cluster of a profile', () => {
    const clusters = { a: MINE.compute, b: { ...MINE.compute, context: 'second' } };
    const wide = placesOf(Profile.parse({ ...MINE, clusters, pools: [{ name: 'p', spot: true, cluster: 'a' }] }));
    const second = Profile.parse({ ...MINE, compute: clusters.b });
    expect([isOwnPlace(own, second, 'compute'), isOwnPlace([wide], second, 'compute')]).toEqual([false, true]);
  });

  it('is told as what it is', () => {
    const found = (['storage', 'warehouse', 'compute'] as const).map((part) => placeText(Profile.parse(MINE), part));
    expect(found).toEqual([
      'profile.storage: gs://acme-models/ranking',
      'profile.warehouse: acme.ranking',
      'profile.compute: namespace jobs, context acme, /home/ada/.kube/config',
    ]);
  });
});

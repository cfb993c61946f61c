import { describe, expect, it } from 'vitest';
import { crossings } from '../../../src/rules/locations.ts';
import type { Places } from '../../../src/rules/locations.ts';

const between = (places: Partial<Places>): string[] =>
  crossings({ dataset: [], bucket: [], cluster: [], ...places }).map((crossing) => crossing.between.join('-'));

describe('locations', () => {
  it.each<[Partial<Places>, string[]]>([
    [{ dataset: ['EU'], bucket: ['EU'], cluster: ['europe-west4'] }, []],
    [{ dataset: ['US'], bucket: ['US-CENTRAL1'], cluster: ['us-central1'] }, []],
    [{ dataset: ['us-central1'], bucket: ['NAM4'], cluster: ['us-east1'] }, []],
    [{ dataset: ['EU'], bucket: ['us-central1'], cluster: [] }, ['dataset-bucket']],
    [{ bucket: ['europe-west4'], cluster: ['europe-west4', 'us-central1'] }, ['bucket-cluster']],
    [{ bucket: ['US-EAST1', 'US-WEST1'], cluster: ['us-central1'] }, ['bucket-cluster']],
    [{ dataset: ['asia-northeast1'], bucket: ['europe-west1'], cluster: ['asia-northeast1'] }, ['dataset-bucket', 'bucket-cluster']],
    // What is not known is not judged.
    [{ dataset: ['EU'], cluster: ['us-central1'] }, []],
  ])('%o: %o', (places, expected) => {
    expect(between(places)).toEqual(expected);
  });

  it('names the machines that are far, not those that are near', () => {
    const [found] = crossings({ dataset: [], bucket: ['europe-west4'], cluster: ['europe-west4', 'us-central1'] });
    expect(found?.detail).toMatch(/^the bucket is in europe-west4, the cluster in us-central1: /);
  });
});

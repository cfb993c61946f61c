/** The first attempt of a container step whose Job runs on a stand-in for a cluster. */
import type { StepJobInput } from '../../activities/step-job-contract.ts';
import type { Compute } from '../../src/contract/profile.ts';
import type { ObjectStore } from '../../src/ports/index.ts';

export function stepInput({ root }: Pick<ObjectStore, 'root'>, compute: Compute, spec: object): StepJobInput {
  const folder = root.replace('file://', '');
  return {
    run: 'run',
    pipeline: 'pipeline',
    step: 'prepare',
    key: 'k',
    profile: { compute, storage: { kind: 'directory', path: folder }, warehouse: { kind: 'duckdb', path: folder } },
    spec: {
      kind: 'container',
      image: 'image',
      env: {},
      inputs: {},
      outputs: {},
      output: `${root}/prepare`,
      resources: { cpu: 1, memoryMb: 64, gpu: 0 },
      ...spec,
    },
    attempt: 1,
    pool: { name: 'spot', spot: true, pricePerHour: 1, nodeSelector: {}, tolerations: [] },
    noCapacitySeconds: 60,
    deadlineSeconds: null,
  } as unknown as StepJobInput;
}

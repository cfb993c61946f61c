/** The Job of a container, script or scoring step: its program, its environment, its machine. */
import { pathOfFileUri } from '../src/contract/file-uri.ts';
import type { JobSpec } from '../src/contract/index.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { keepScript } from '../src/cache/scripts.ts';
import { stepIdentity } from './job-places.ts';
import { graceOf, knownDigests, shippedCode, withSecrets } from './shipped-code.ts';
import { storageEnvironment } from './storage-environment.ts';
import type { StepJobInput } from './step-job-contract.ts';
import { outputsUri } from './step-outputs.ts';

async function programOf(store: ObjectStore, { spec, script }: StepJobInput): Promise<Pick<JobSpec, 'image' | 'command' | 'code' | 'env'>> {
  switch (spec.kind) {
    case 'container':
      return {
        ...(spec.image === undefined ? {} : { image: spec.image }),
        command: spec.command,
        ...shippedCode(store, spec),
        env: spec.env,
      };
    case 'script':
      return { command: ['python', '-m', 'longhaul_script'], env: { LONGHAUL_SCRIPT: script ?? (await keepScript(store, spec)) } };
    case 'score':
      return {
        ...(spec.image === undefined ? {} : { image: spec.image }),
        command: ['python', '-m', 'longhaul.scoring'],
        ...shippedCode(store, spec),
        env: { LONGHAUL_SCORE: spec.document },
      };
  }
}

export async function jobOf(store: ObjectStore, input: StepJobInput): Promise<JobSpec> {
  const { spec, attempt } = input;
  const program = await programOf(store, input);
  return {
    ...stepIdentity(store, input),
    ...program,
    ...knownDigests(input.profile),
    env: {
      ...storageEnvironment(input.profile),
      ...program.env,
      LONGHAUL_INPUTS: JSON.stringify(spec.inputs),
      LONGHAUL_OUTPUT: place(spec.output),
      LONGHAUL_OUTPUTS: place(outputsUri(input)),
      LONGHAUL_ATTEMPT: String(attempt),
    },
    ...(spec.kind === 'score' ? {} : withSecrets(spec)),
    resources: spec.resources,
    pool: input.pool,
    graceSeconds: graceOf(input.profile, input.pool),
    ...(input.deadlineSeconds === null ? {} : { deadlineSeconds: Math.ceil(input.deadlineSeconds) }),
  };
  /** Containers of any language read a path more easily than a URI; our own runner takes both. */
  function place(uri: string): string {
    return spec.kind === 'container' ? pathOfFileUri(uri) : uri;
  }
}

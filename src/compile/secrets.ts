/** Secrets that the Jobs of a profile cannot have. */
import type { Profile } from '../contract/profile.ts';
import type { Step } from '../contract/steps.ts';
import { profilesByCluster } from '../contract/clusters.ts';
import { secretProblem, secretsOf } from '../rules/secrets.ts';
import type { LeafStep } from './expand.ts';
import { join, type Problems } from './problems.ts';
import { child } from './tree.ts';

export function checkSecrets(steps: readonly Step[], leaves: readonly LeafStep[], profile: Profile, problems: Problems): void {
  const kinds = new Set(profilesByCluster(profile).map(({ compute }) => compute.kind));
  for (const { id, spec } of steps) {
    const leaf = leaves.find((each) => each.id === id);
    if (!leaf) continue;
    for (const [index, reference] of secretsOf(spec).entries()) {
      const problem = [...kinds].map((kind) => secretProblem(reference, kind)).find((each) => each !== null);
      const at = child(leaf.fields, 'secrets')?.at ?? leaf.at;
      if (problem)
        problems.add(at, `${join(leaf.path, 'secrets')}[${index}].from`, 'the Jobs of this profile cannot have this secret', problem);
      if ('env' in spec && Object.hasOwn(spec.env, reference.name))
        problems.add(at, `${join(leaf.path, 'secrets')}[${index}].name`, '`env` says this variable too', { found: reference.name });
    }
  }
}

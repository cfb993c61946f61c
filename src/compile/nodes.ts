/** Trials on several machines: whether there are such machines, and a trainer that shares them. */
import type { Profile } from '../contract/profile.ts';
import type { Step } from '../contract/steps.ts';
import { inPools, poolOrder } from '../rules/placement.ts';
import type { LeafStep } from './expand.ts';
import { join, type Problems } from './problems.ts';
import { suggestion } from './suggest.ts';
import { nearest } from './tree.ts';

/** A search may name its pools: they must be the profile's. */
export function checkPools(steps: readonly Step[], leaves: readonly LeafStep[], profile: Profile, problems: Problems): void {
  const known = profile.pools.map(({ name }) => name);
  for (const { id, spec } of steps) {
    const leaf = leaves.find((each) => each.id === id);
    if (spec.kind !== 'search' || !leaf) continue;
    for (const [i, name] of (spec.pools ?? []).entries())
      if (!known.includes(name))
        problems.add(nearest(leaf.fields, ['pools', i]).node.at, join(leaf.path, 'pools', i), 'there is no such pool', {
          found: name,
          ...suggestion(name, known),
        });
  }
}

export function checkNodes(steps: readonly Step[], leaves: readonly LeafStep[], profile: Profile, problems: Problems): void {
  for (const { id, spec } of steps) {
    const nodes = spec.kind === 'search' ? (spec.resources.nodes ?? 1) : 1;
    const leaf = leaves.find((each) => each.id === id);
    if (spec.kind !== 'search' || nodes === 1 || !leaf) continue;
    const at = nearest(leaf.fields, ['resources', 'nodes']).node.at;
    const tell = (message: string, details: { readonly expected?: string; readonly hint: string }): void =>
      problems.add(at, join(leaf.path, 'resources', 'nodes'), message, { ...details, found: String(nodes) });
    if (spec.command === undefined && spec.image === undefined && spec.code === undefined)
      tell('the reference trainer trains on one machine', {
        hint: 'several machines are for a trainer of your own (code, command or image) that shares the work by rank; or leave nodes out',
      });
    for (const { name, maxNodes } of poolOrder(inPools(profile, spec.pools).placement, profile.pools))
      if (maxNodes !== undefined && maxNodes < nodes)
        tell(`pool ${name}, which a trial may be placed in, has fewer machines for one trial`, {
          expected: `at most ${maxNodes}`,
          hint: `raise maxNodes of pool ${name} in the profile, or leave that pool out of placement.order`,
        });
  }
}

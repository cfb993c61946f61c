/** Where in the cluster a pod may come to lie: beside whose pods, on whose machines, and what it drives away from there. */
import type { Policy, Violation } from '../contract/policy.ts';
import type { Pool } from '../contract/profile.ts';
import type { Json } from '../contract/values.ts';
import { itemsOf, told, treeOf, type Tree } from './pod-tree.ts';
import { unless } from './policy-patterns.ts';

type Place = (inner: string) => string;

const HOSTNAME = 'kubernetes.io/hostname';
/** A toleration without a key; of the patterns `*` alone is meant for it. */
const EVERY_TAINT = '(every taint)';

/** @param spec of a pod */
export function nodeViolations(policy: Policy, spec: Tree, place: Place): Violation[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = treeOf(spec.affinity);
  return [
    ...unless(policy, 'nodes', place('spec.nodeName'), textOf(spec.nodeName)),
    ...unless(policy, 'nodes', place(`spec.nodeSelector.${HOSTNAME}`), textOf(treeOf(spec.nodeSelector)[HOSTNAME])),
    ...nodeAffinityViolations(policy, nodeAffinity, place),
    ...Object.entries({ podAffinity, podAntiAffinity }).flatMap(([kind, terms]) =>
      neighbourViolations(policy, terms, place(`spec.affinity.${kind}`)),
    ),
    ...itemsOf(spec.tolerations).flatMap((each, index) => {
      const { key } = treeOf(each);
      return unless(policy, 'tolerations', place(`spec.tolerations.${index}`), key === '' ? EVERY_TAINT : (textOf(key) ?? EVERY_TAINT));
    }),
    ...unless(policy, 'schedulers', place('spec.schedulerName'), textOf(spec.schedulerName)),
    ...unless(policy, 'runtimeClasses', place('spec.runtimeClassName'), textOf(spec.runtimeClassName)),
    // A number beside a class is for the cluster to say.
    ...unless(policy, 'priorityClasses', place('spec.priority'), numberOf(spec.priority)),
  ];
}

export function poolNodeViolations(policy: Policy, pools: readonly Pool[]): Violation[] {
  return pools.flatMap(({ nodeSelector, tolerations }, index) =>
    nodeViolations(policy, { nodeSelector, tolerations: JSON.parse(JSON.stringify(tolerations)) as Json }, (inner) =>
      inner.replace(/^spec/, `profile.pools.${index}`),
    ),
  );
}

/** By name, whatever the terms call it: what is excluded (`NotIn`) names no machine to go to. */
function nodeAffinityViolations(policy: Policy, affinity: Json | undefined, place: Place): Violation[] {
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred } =
    treeOf(affinity);
  const terms = [...itemsOf(treeOf(required).nodeSelectorTerms), ...itemsOf(preferred).map((each) => treeOf(each).preference)];
  return terms
    .flatMap((term) => [...itemsOf(treeOf(term).matchExpressions), ...itemsOf(treeOf(term).matchFields)])
    .map(treeOf)
    .filter(({ key, operator }) => (key === HOSTNAME || key === 'metadata.name') && operator === 'In')
    .flatMap(({ values }) => itemsOf(values).flatMap((name) => unless(policy, 'nodes', place('spec.affinity.nodeAffinity'), told(name))));
}

/** Near others' pods, or so that theirs find no place; a pod's own namespace is meant where none is named. */
function neighbourViolations(policy: Policy, affinity: Json | undefined, path: string): Violation[] {
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred } =
    treeOf(affinity);
  return [...itemsOf(required), ...itemsOf(preferred).map((each) => treeOf(each).podAffinityTerm ?? null)].flatMap((term) => {
    const { namespaces, namespaceSelector } = treeOf(term);
    const named = itemsOf(namespaces).flatMap((name) => unless(policy, 'namespaces', path, told(name)));
    const { namespaces: allowed } = policy;
    if (allowed === undefined || namespaceSelector === undefined || namespaceSelector === null) return named;
    return [...named, { rule: 'namespaces' as const, path, found: `namespaceSelector ${told(namespaceSelector)}`, allowed }];
  });
}

const textOf = (value: Json | undefined): string | undefined =>
  value === undefined || value === null || value === '' ? undefined : told(value);
const numberOf = (value: Json | undefined): string | undefined =>
  value === undefined || value === null ? undefined : `priority ${told(value)}`;

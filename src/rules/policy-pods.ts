/** Which pods a profile may ask for: its own fields first, then the pod as `podTemplate` leaves it. */
import type { Policy, Violation } from '../contract/policy.ts';
import type { Compute } from '../contract/profile.ts';
import type { Json } from '../contract/values.ts';
import { mergeOverlay } from './overlay.ts';
import { CONTAINER_SECURITY, POD_SECURITY, restrictedProblems } from './pod-security.ts';
import { childrenOf, containersOf, itemsOf, told, treeOf } from './pod-tree.ts';
import type { Tree } from './pod-tree.ts';
import { CONTAINER_FIELDS, POD_FIELDS } from './pod-fields.ts';
import { nodeViolations } from './policy-nodes.ts';
import { isImage, isWithin, matches, unless } from './policy-patterns.ts';
import { quantity } from './quantities.ts';

type Kubernetes = Extract<Compute, { kind: 'kubernetes' }>;

const GCS_FUSE = 'gcsfuse.csi.storage.gke.io';
const BYTES_PER_MB = 1024 * 1024;

/** @param path where it stands in the run document */
export function podViolations(policy: Policy, compute: Kubernetes, path: string): Violation[] {
  const own = violationsOf(policy, plainPod(compute), (inner) => `${path}.${OWN_FIELDS[inner] ?? inner.replace(/^(spec|metadata)\./, '')}`);
  const { podTemplate } = compute;
  if (podTemplate === undefined) return own;
  if (!policy.podTemplate) return [...own, { rule: 'podTemplate', path: `${path}.podTemplate`, found: JSON.stringify(podTemplate), allowed: [] }]; // prettier-ignore
  const merged = mergeOverlay(plainPod(compute), podTemplate);
  const known = new Set(own.map(({ rule, found }) => `${rule} ${found}`));
  const shaped = violationsOf(policy, merged, (inner) => `${path}.podTemplate.${inner}`);
  return [
    ...own,
    ...shaped.filter(({ rule, found }) => !known.has(`${rule} ${found}`)),
    ...removedLabels(policy, plain(podTemplate), (inner) => `${path}.podTemplate.${inner}`),
  ];
}

/** `null` takes a label away: network policies and quotas go by those that Longhaul sets. */
function removedLabels(policy: Policy, podTemplate: Json, place: (inner: string) => string): Violation[] {
  const { metadata } = treeOf(podTemplate);
  const { labels } = treeOf(metadata);
  const all = [
    ...(metadata === null ? [['metadata', metadata] as const] : []),
    ...(labels === null ? [['metadata.labels', labels] as const] : []),
  ];
  const removed = Object.entries(treeOf(labels)).filter(([, value]) => value === null);
  return [
    ...(policy.reservedLabels.length === 0 ? [] : all).map(([inner, found]): Violation => ({
      rule: 'reservedLabels',
      path: place(inner),
      found: told(found),
      allowed: [`all but ${policy.reservedLabels.join(', ')}`],
    })),
    ...labelViolations(policy, Object.fromEntries(removed), place),
  ];
}

/** Fields of a profile by where they end up. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  'spec.serviceAccountName': 'serviceAccount',
  'spec.priorityClassName': 'priorityClass',
  'spec.containers.0.image': 'image',
};

/** The part of a pod that a document decides; both Jobs and TensorBoards begin with it. */
function plainPod(compute: Kubernetes): Json {
  return plain({
    metadata: { labels: compute.labels, annotations: compute.annotations },
    spec: {
      serviceAccountName: compute.serviceAccount ?? 'default',
      automountServiceAccountToken: false,
      priorityClassName: compute.priorityClass,
      imagePullSecrets: compute.imagePullSecrets.map((name) => ({ name })),
      securityContext: POD_SECURITY,
      volumes: compute.volumes.map(({ name, gcsFuse, source }) =>
        gcsFuse ? { name, csi: { driver: GCS_FUSE, volumeAttributes: { ...gcsFuse.attributes, bucketName: gcsFuse.bucket } } } : { name, ...source },
      ), // prettier-ignore
      containers: [{ name: 'main', image: compute.image, securityContext: CONTAINER_SECURITY }],
    },
  });
}

function violationsOf(policy: Policy, pod: Json, place: (inner: string) => string): Violation[] {
  // What is not sent, such as fields of a prototype, must not count here.
  const template = treeOf(plain(pod));
  const spec = treeOf(template.spec);
  const security =
    policy.podSecurity === 'any'
      ? []
      : restrictedProblems(plain(pod)).map(({ path, found, allowed }): Violation => ({
          rule: 'podSecurity',
          path: place(path),
          found: told(found),
          allowed,
        }));
  return [
    ...accountsOf(spec).flatMap(([field, name]) => unless(policy, 'serviceAccounts', place(`spec.${field}`), name)),
    ...unless(policy, 'priorityClasses', place('spec.priorityClassName'), textOf(spec.priorityClassName)),
    ...tokenViolations(policy, spec, place),
    ...itemsOf(spec.imagePullSecrets).flatMap((secret, index) =>
      unless(policy, 'secrets', place(`spec.imagePullSecrets.${index}`), textOf(treeOf(secret).name), pullsWith),
    ),
    ...labelViolations(policy, treeOf(treeOf(template.metadata).labels), place),
    ...itemsOf(spec.volumes).flatMap((volume, index) => volumeViolations(policy, volume, place(`spec.volumes.${index}`))),
    ...resourceViolations(policy, spec.resources, place('spec.resources')),
    ...claimViolations(policy, spec.resourceClaims, place('spec.resourceClaims')),
    ...nodeViolations(policy, spec, place),
    ...unknownFields(spec, POD_FIELDS, place('spec')),
    ...containersOf(spec).flatMap(({ path, container }) => containerViolations(policy, container, path, place)),
    ...security,
  ];
}

/** A registry's Secret may be named for nothing else: its key lets whoever has it pull, and perhaps push, any image there. */
const pullsWith = (pattern: string, name: string): boolean => matches(pattern, name) || matches(pattern, `pull:${name}`);

/** By both of its names; a pod from which they were taken runs as `default`. */
function accountsOf(spec: Tree): [string, string][] {
  const named = ['serviceAccountName', 'serviceAccount'].flatMap((field): [string, string][] => {
    const name = textOf(spec[field]);
    return name === undefined ? [] : [[field, name]];
  });
  return named.length > 0 ? named : [['serviceAccountName', 'default']];
}

function tokenViolations(policy: Policy, spec: Tree, place: (inner: string) => string): Violation[] {
  if (policy.serviceAccountTokens) return [];
  const refuse = (inner: string, found: string): Violation => ({ rule: 'serviceAccountTokens', path: place(inner), found, allowed: [] });
  const mounted = spec.automountServiceAccountToken;
  // A certificate says as whom the pod runs, too.
  const projected = itemsOf(spec.volumes).flatMap((volume, index) =>
    itemsOf(treeOf(treeOf(volume).projected).sources)
      .flatMap((source) => Object.keys(childrenOf(source)))
      .filter((kind) => kind === 'serviceAccountToken' || kind === 'podCertificate')
      .map((kind) => refuse(`spec.volumes.${index}.projected`, kind)),
  );
  return [...(mounted === false ? [] : [refuse('spec.automountServiceAccountToken', told(mounted))]), ...projected];
}

function labelViolations({ reservedLabels }: Policy, labels: Tree, place: (inner: string) => string): Violation[] {
  return Object.keys(labels)
    .filter((key) => reservedLabels.some((pattern) => matches(pattern, key)))
    .map((found) => ({ rule: 'reservedLabels', path: place(`metadata.labels`), found, allowed: [`all but ${reservedLabels.join(', ')}`] }));
}

function volumeViolations(policy: Policy, volume: Json, path: string): Violation[] {
  const { name: _name, ...sources } = childrenOf(volume);
  const { csi, projected } = sources;
  const driver = treeOf(csi);
  const kinds = Object.keys(sources).map((kind) => (kind === 'csi' ? `csi:${told(driver.driver)}` : kind));
  const bucket = driver.driver === GCS_FUSE ? told(treeOf(driver.volumeAttributes).bucketName) : undefined;
  const secrets = [
    treeOf(driver.nodePublishSecretRef).name,
    ...itemsOf(treeOf(projected).sources).map((source) => treeOf(treeOf(source).secret).name),
    // Drivers of storage that are older than CSI name theirs in the same way.
    ...Object.values(sources).flatMap((source) => [treeOf(treeOf(source).secretRef).name, treeOf(source).secretName]),
  ];
  return [
    ...kinds.flatMap((kind) => unless(policy, 'volumes', path, kind)),
    ...unless(policy, 'buckets', path, bucket, isWithin),
    ...secrets.flatMap((name) => unless(policy, 'secrets', path, textOf(name))),
  ];
}

function containerViolations(policy: Policy, container: Tree, path: string, place: (inner: string) => string): Violation[] {
  const secrets = [
    ...itemsOf(container.env).map((variable) => treeOf(treeOf(treeOf(variable).valueFrom).secretKeyRef).name),
    ...itemsOf(container.envFrom).map((source) => treeOf(treeOf(source).secretRef).name),
  ];
  return [
    ...unless(policy, 'images', place(`${path}.image`), textOf(container.image), isImage),
    ...secrets.flatMap((name) => unless(policy, 'secrets', place(path), textOf(name))),
    ...resourceViolations(policy, container.resources, place(`${path}.resources`)),
    ...unknownFields(container, CONTAINER_FIELDS, place(path)),
  ];
}

/** `$patch` and its like say how to merge. */
function unknownFields(part: Tree, known: object, path: string): Violation[] {
  return Object.keys(childrenOf(part as Json))
    .filter((field) => !Object.hasOwn(known, field) && !field.startsWith('$'))
    .map((field) => ({ rule: 'podTemplate', path, found: field, allowed: ['fields that this release knows'] }));
}

function resourceViolations(policy: Policy, resources: Json | undefined, path: string): Violation[] {
  const { requests, limits } = treeOf(resources);
  return [treeOf(requests), treeOf(limits)].flatMap((asked) => [
    ...atMost(policy, 'cpu', quantity(asked.cpu), path),
    ...atMost(policy, 'memoryMb', quantity(asked.memory, BYTES_PER_MB), path),
    ...atMost(policy, 'ephemeralMb', quantity(asked['ephemeral-storage'], BYTES_PER_MB), path),
    ...Object.entries(asked)
      .filter(([name]) => name.includes('/'))
      .flatMap(([, count]) => atMost(policy, 'gpu', quantity(count), path)),
  ]);
}

/** Devices by another way than a number of them: a template of the cluster says how many. */
function claimViolations(policy: Policy, claims: Json | undefined, path: string): Violation[] {
  if (policy.resources.gpu === undefined) return [];
  return itemsOf(claims).map((claim, index) => ({
    rule: 'resources',
    path: `${path}.${index}`,
    found: told(treeOf(claim).name),
    allowed: [`at most ${policy.resources.gpu} as resources.gpu`],
  }));
}

/** @param asked NaN: nobody knows how much that is */
export function atMost(policy: Policy, what: keyof Policy['resources'], asked: number | undefined, path: string): Violation[] {
  const most = policy.resources[what];
  if (most === undefined || asked === undefined || asked <= most) return [];
  return [{ rule: 'resources', path: `${path}.${what}`, found: String(asked), allowed: [`at most ${most}`] }];
}

const textOf = (value: Json | undefined): string | undefined => (value === undefined || value === null ? undefined : told(value));
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

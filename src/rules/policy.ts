/** What a run document asks for and the policy of its workers does not allow. */
import { violationText, type Policy, type Violation } from '../contract/policy.ts';
import type { Compute, Notification, Profile, TrialResources } from '../contract/profile.ts';
import { addressOf } from '../contract/trackers.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { SecretReference } from '../contract/secrets.ts';
import type { Step } from '../contract/steps.ts';
import type { z } from 'zod';
import { isImage, isWithin, matches, unless } from './policy-patterns.ts';
import { addressViolations, datasetViolations, tableViolations } from './policy-places.ts';
import { poolNodeViolations } from './policy-nodes.ts';
import { atMost, podViolations } from './policy-pods.ts';
import { poolViolations } from './policy-pools.ts';

const VIOLATIONS_SHOWN = 10;

/** For whoever asked: each rule, the place, what was found and what is allowed. */
export function refusalText(found: readonly Violation[]): string {
  const lines = found.slice(0, VIOLATIONS_SHOWN).map(violationText);
  const more = found.length > lines.length ? [`and ${found.length - lines.length} more`] : [];
  return ['the policy of these workers (LONGHAUL_POLICY) does not allow what the run asks for:', ...lines, ...more].join('\n');
}

/** @example violations(policy, document).map(violationText) */
export function violations(policy: Policy, document: Pick<RunDocument, 'profile' | 'steps' | 'onExit'>): Violation[] {
  const { profile } = document;
  return [
    ...profileViolations(policy, profile),
    ...notificationViolations(policy, profile.notifications),
    ...trackerViolations(policy, profile.trackers),
    ...(['steps', 'onExit'] as const).flatMap((list) =>
      document[list].flatMap((step) => stepViolations(policy, profile, step, `${list}.${step.id}`)),
    ),
  ];
}

/** Where something lies or runs, and not how: a run from before a rule was drawn tighter can still be looked at. */
const PLACES: ReadonlySet<Violation['rule']> = new Set<Violation['rule']>([
  ...(['warehouses', 'stores', 'computes', 'projects', 'datasets', 'ledgers', 'buckets', 'paths', 'endpoints'] as const),
  ...(['namespaces', 'kubeconfigs', 'contexts'] as const),
]);

/** Of where a profile leads whoever only reads what its run made. */
export const placeViolations = (policy: Policy, profile: Profile): Violation[] =>
  profileViolations(policy, profile).filter(({ rule }) => PLACES.has(rule));

/** Of where a profile lets its run read, write and compute. */
export function profileViolations(policy: Policy, { warehouse, storage, compute, clusters = {}, pools }: Profile): Violation[] {
  const places: [string, Compute][] = [
    ['compute', compute],
    ...Object.entries(clusters).map(([name, each]): [string, Compute] => [`clusters.${name}`, each]),
  ];
  return [
    ...unless(policy, 'warehouses', 'profile.warehouse.kind', warehouse.kind),
    ...unless(policy, 'stores', 'profile.storage.kind', storage.kind),
    ...(warehouse.kind === 'bigquery'
      ? [
          ...unless(policy, 'projects', 'profile.warehouse.project', warehouse.project),
          ...datasetViolations(policy, 'profile.warehouse.dataset', warehouse.project, warehouse.dataset),
          ...datasetViolations(policy, 'profile.warehouse.dataset', warehouse.project, warehouse.dataset, 'ledgers'),
          ...(['reservation', 'kmsKey'] as const).flatMap((field) =>
            unless(policy, 'projects', `profile.warehouse.${field}`, projectOf(warehouse[field])),
          ),
          ...unless(policy, 'endpoints', 'profile.warehouse.apiEndpoint', warehouse.apiEndpoint),
        ]
      : [
          ...unless(policy, 'paths', 'profile.warehouse.path', warehouse.path, isWithin),
          ...unless(policy, 'ledgers', 'profile.warehouse.path', warehouse.path, isWithin),
        ]),
    ...(storage.kind === 'gcs'
      ? [
          ...unless(policy, 'buckets', 'profile.storage', `${storage.bucket}/${storage.prefix}`.replace(/\/+/g, '/'), isWithin),
          ...unless(policy, 'endpoints', 'profile.storage.apiEndpoint', storage.apiEndpoint),
        ]
      : unless(policy, 'paths', 'profile.storage.path', storage.path, isWithin)),
    ...places.flatMap(([place, each]) => computeViolations(policy, `profile.${place}`, each)),
    ...poolViolations(policy, pools),
    ...poolNodeViolations(policy, pools),
  ];
}

function computeViolations(policy: Policy, path: string, compute: Compute): Violation[] {
  return [
    ...unless(policy, 'computes', `${path}.kind`, compute.kind),
    ...(compute.kind === 'kubernetes'
      ? [
          ...unless(policy, 'namespaces', `${path}.namespace`, compute.namespace),
          ...unless(policy, 'kubeconfigs', `${path}.kubeconfig`, compute.kubeconfig),
          ...unless(policy, 'contexts', `${path}.context`, compute.context),
          ...podViolations(policy, compute, path),
        ]
      : unless(policy, 'paths', `${path}.path`, compute.path, isWithin)),
  ];
}

/** Of `projects/P/locations/…`; others have none. */
const projectOf = (resource: string | undefined): string | undefined => /^projects\/([^/]+)\//.exec(resource ?? '')?.[1];

export function notificationViolations(policy: Policy, targets: readonly z.infer<typeof Notification>[]): Violation[] {
  return targets.flatMap(({ command, webhookEnv }, index) => [
    ...unless(policy, 'commands', `profile.notifications.${index}.command`, command && wordsOf(command)),
    ...unless(policy, 'webhooks', `profile.notifications.${index}.webhookEnv`, webhookEnv),
  ]);
}

export function trackerViolations(policy: Policy, trackers: Profile['trackers'] = []): Violation[] {
  return trackers.flatMap((tracker, index) => [
    ...unless(policy, 'trackers', `profile.trackers.${index}.uri`, addressOf(tracker)),
    ...Object.entries(tracker).flatMap(([field, value]) =>
      field.endsWith('Env') ? unless(policy, 'secrets', `profile.trackers.${index}.${field}`, `env:${value}`) : [],
    ),
  ]);
}

/** A program whose name has a blank is another one than that of the word before it. */
const wordsOf = ([program = '', ...rest]: readonly string[]): string =>
  [/\s/.test(program) ? JSON.stringify(program) : program, ...rest].join(' ');

/** @param pattern `hf`, `hf/token` or `env:HF_TOKEN` */
const isSecret = (pattern: string, from: string): boolean => {
  const inside = from.replace(/^kubernetes:/, '');
  return matches(pattern, inside) || (inside !== from && matches(pattern, inside.split('/')[0] ?? ''));
};

/** Of one Job. @param path of what asks for it */
export function jobViolations(
  policy: Policy,
  job: {
    readonly image?: string | undefined;
    readonly resources: TrialResources;
    readonly secrets?: readonly SecretReference[] | undefined;
  },
  path: string,
): Violation[] {
  const { image, resources, secrets = [] } = job;
  const kinds = ['cpu', 'memoryMb', 'ephemeralMb', 'gpu', 'nodes'] as const;
  return [
    ...unless(policy, 'images', `${path}.image`, image, isImage),
    ...kinds.flatMap((kind) => atMost(policy, kind, resources[kind], `${path}.resources`)),
    ...secrets.flatMap((reference, index) => unless(policy, 'secrets', `${path}.secrets.${index}`, reference.from, isSecret)),
  ];
}

function stepViolations(policy: Policy, profile: Profile, { spec }: Step, path: string): Violation[] {
  const job = spec.kind === 'search' || spec.kind === 'container' || spec.kind === 'script';
  const scorer = spec.kind === 'evaluate' ? spec.scorer : spec.kind === 'search' ? spec.earlyEvaluation?.scorer : undefined;
  return [
    ...(spec.kind === 'search' && spec.sampler.class !== undefined && !policy.ownSamplers
      ? [{ rule: 'ownSamplers' as const, path: `${path}.sampler.class`, found: spec.sampler.class, allowed: [] }]
      : []),
    ...(job
      ? jobViolations(policy, { image: 'image' in spec ? spec.image : undefined, resources: spec.resources, secrets: spec.secrets }, path)
      : []),
    ...(scorer ? jobViolations(policy, scorer, `${path}.${spec.kind === 'search' ? 'earlyEvaluation.' : ''}scorer`) : []),
    ...tablesOf(spec).flatMap(([field, table]) => tableViolations(policy, profile, `${path}.${field}`, table)),
    ...addressViolations(policy, spec, path),
  ];
}

function tablesOf(spec: Step['spec']): [string, string][] {
  const named = (field: string, tables: string | Readonly<Record<string, string>> | undefined): [string, string][] =>
    typeof tables === 'string' ? [[field, tables]] : Object.entries(tables ?? {}).map(([name, table]) => [`${field}.${name}`, table]);
  switch (spec.kind) {
    case 'query':
      return [...named('destination', spec.destination), ...named('tables', spec.tables)];
    case 'evaluate':
      return [...named('table', spec.table), ...named('scores', spec.scores)];
    case 'export':
    case 'check':
      return named('table', spec.table);
    case 'search':
      return [
        ...named('earlyEvaluation.table', spec.earlyEvaluation?.table),
        ...(spec.dataBy ?? []).flatMap(({ earlyEvaluation: test }, i) => named(`dataBy.${i}.earlyEvaluation.table`, test?.table)),
      ];
    default:
      return [];
  }
}

/** Where everything in a report comes from: enough to make the run again and to find its traces. Pure. */
import { trainerImages } from '../contract/clusters.ts';
import type { Json } from '../contract/values.ts';
import type { ReportData } from './report-data.ts';
import { comparable, differences, type Difference } from './differences.ts';

export interface Fact {
  readonly what: string;
  readonly value: string;
}

export function provenanceOf(data: ReportData): Fact[] {
  const { run, document } = data;
  const { commit, dirty, file } = document.source;
  const fact = (what: string, value: string | null | undefined): Fact[] =>
    value === null || value === undefined || value === '' ? [] : [{ what, value }];
  return [
    ...fact('run', run.run),
    ...fact('pipeline file', file),
    ...fact('commit', commit === null ? 'not in a git repository' : `${commit}${dirty ? ' with uncommitted changes' : ''}`),
    ...fact('run document (SHA-256)', document.hash),
    ...fact('profile', document.profileName),
    ...fact('prices', pricesOf(data)),
    ...fact('parameters', Object.keys(document.params).length === 0 ? null : JSON.stringify(document.params)),
    ...shipped(data).flatMap(([step, code]) => fact(`code of ${step} (SHA-256)`, code)),
    ...images(data).flatMap(([step, image]) => fact(`image of ${step}`, pinned(image))),
    ...imagesThatRan(data).flatMap(([step, image]) => fact(`image that ran in ${step}`, image)),
    ...seeds(data).flatMap(([step, seed]) => fact(`seeds of ${step}`, seed)),
    ...run.steps.flatMap((step) => fact(`table of ${step.id}`, tableOf(step.outputs))),
    ...run.steps.flatMap((step) =>
      fact(`cache key of ${step.id}`, step.cacheKey === null ? null : `${step.cacheKey}${step.cacheHit ? ' (hit)' : ''}`),
    ),
    ...(data.steps ?? []).flatMap((row) => fact(`job of ${String(row.step)}`, typeof row.job === 'string' ? row.job : null)),
    ...run.steps.flatMap((step) => fact(`weights of ${step.id} (SHA-256)`, text(step.outputs.weights_sha256))),
  ];
}

const MS_PER_DAY = 86_400_000;

/** How old they were when the run began. */
function pricesOf({ run, document }: ReportData): string | null {
  const { prices } = document.profile;
  if (prices === undefined) return null;
  const days = Math.max(0, Math.floor((run.startedAt - Date.parse(prices.date)) / MS_PER_DAY));
  return `${prices.file} of ${prices.date}, ${days === 1 ? 'a day' : `${days} days`} old when the run began`;
}

const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);

function tableOf(outputs: Readonly<Record<string, Json>>): string | null {
  const table = text(outputs.table);
  return table === null ? null : `${table}${text(outputs.version) === null ? '' : ` at version ${text(outputs.version) ?? ''}`}`;
}

function shipped({ document }: ReportData): [string, string][] {
  return [...document.steps, ...document.onExit].flatMap(({ id, spec }): [string, string][] =>
    (spec.kind === 'search' || spec.kind === 'container') && spec.code ? [[id, `${spec.code.sha256} (${spec.code.from})`]] : [],
  );
}

function images({ document }: ReportData): [string, string][] {
  const own = [...document.steps, ...document.onExit].flatMap(({ id, spec }): [string, string][] =>
    (spec.kind === 'container' || spec.kind === 'search') && spec.image !== undefined ? [[id, spec.image]] : [],
  );
  return [...trainerImages(document.profile).map((image): [string, string] => ['the reference trainer', image]), ...own];
}

/** A tag may name another image tomorrow. */
const pinned = (image: string): string =>
  image.includes('@sha256:') ? image : `${image} (a tag: only a digest, IMAGE@sha256:…, names the same image tomorrow)`;

/** By step, the digests that the container runtime told of its pods: several where a tag was moved between attempts. */
function imagesThatRan({ attempts, steps = [] }: ReportData): [string, string][] {
  const digests = new Map<string, Set<string>>();
  for (const { step, image } of [...attempts, ...steps])
    if (typeof step === 'string' && typeof image === 'string') digests.set(step, (digests.get(step) ?? new Set()).add(image));
  return [...digests].map(([step, found]) => [step, [...found].join(', ')]);
}

function seeds({ document }: ReportData): [string, string][] {
  return document.steps.flatMap(({ id, spec }): [string, string][] => {
    if (spec.kind === 'search') return [[id, `trials ${spec.seed}, sampler ${spec.sampler.seed}`]];
    return spec.kind === 'evaluate' ? [[id, `bootstrap ${spec.bootstrap.seed}`]] : [];
  });
}

/** What changed since the run before; null when there was none. */
export function changesSince(data: ReportData): { readonly run: string; readonly changes: readonly Difference[] } | null {
  if (!data.previous) return null;
  return { run: data.previous.run, changes: differences(comparable(data.previous.document), comparable(data.document)) };
}

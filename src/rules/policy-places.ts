/** Tables and addresses that a step names, or that a request to a warehouse names once all is known. */
import { pathOfFileUri } from '../contract/file-uri.ts';
import type { Policy, Violation } from '../contract/policy.ts';
import type { Profile } from '../contract/profile.ts';
import type { Json } from '../contract/values.ts';
import { isWithin, unless } from './policy-patterns.ts';

const ADDRESS = /^\s*(gs|file):\/*(.*)$/is;

/** What a warehouse is asked to read and to write. */
interface Request {
  readonly destination?: string;
  readonly table?: string;
  readonly tables?: Readonly<Record<string, string>>;
}

/** Of what the outputs of other steps put into a request. @param path of what asks, e.g. `query` */
export function requestViolations(policy: Policy, profile: Profile, request: Request, path: string): Violation[] {
  const { destination, table, tables } = request;
  const own = Object.entries({ destination, table });
  const read = Object.entries(tables ?? {}).map(([alias, name]) => [`tables.${alias}`, name] as const);
  const named = [...own, ...read].filter((each): each is [string, string] => each[1] !== undefined);
  return [
    ...named
      .filter(([, name]) => !ADDRESS.test(name))
      .flatMap(([field, name]) => tableViolations(policy, profile, `${path}.${field}`, name)),
    ...addressViolations(policy, request, path),
  ];
}

/** A name that another step puts out is not known before: `requestViolations` meets it. */
export function tableViolations(policy: Policy, profile: Profile, path: string, table: string): Violation[] {
  const parts = table.replaceAll('`', '').replace(/\{[^}]*\}/g, '{}').split('.'); // prettier-ignore
  if (parts.length < 2) return [];
  const own = profile.warehouse.kind === 'bigquery' ? profile.warehouse.project : undefined;
  const [dataset = ''] = parts.slice(-2);
  const project = parts.length > 2 ? parts.slice(0, -2).join('.') : own;
  return [...(parts.length > 2 ? unless(policy, 'projects', path, project) : []), ...datasetViolations(policy, path, project, dataset)];
}

/** A data set's name alone is one of any project: `projects` says which. */
export function datasetViolations(
  policy: Policy,
  path: string,
  project: string | undefined,
  dataset: string,
  rule: 'datasets' | 'ledgers' = 'datasets',
): Violation[] {
  const whole = project === undefined ? dataset : `${project}.${dataset}`;
  return unless(policy, rule, path, dataset).length === 0 ? [] : unless(policy, rule, path, whole);
}

/** Code and words: what they name is opened by nobody but themselves. */
const TEXTS: ReadonlySet<string> = new Set(['sql', 'source', 'message']);
const NO_TEXTS: ReadonlySet<string> = new Set();

/** Every address of a bucket or a file, wherever in a step it stands. */
export function addressViolations(policy: Policy, value: unknown, path: string, texts: ReadonlySet<string> = TEXTS): Violation[] {
  if (typeof value === 'string') {
    const [, scheme = '', rest = ''] = ADDRESS.exec(value) ?? [];
    if (scheme.toLowerCase() === 'gs') return unless(policy, 'buckets', path, rest, isWithin);
    // As whoever opens it reads it: `%2e%2e` climbs too.
    return scheme === '' ? [] : unless(policy, 'paths', path, pathOfFileUri(`file:///${rest}`), isWithin);
  }
  if (typeof value !== 'object' || value === null) return [];
  return (
    Object.entries(value as Readonly<Record<string, Json>>)
      .filter(([key]) => !texts.has(key))
      // Further in, a key may be a name that somebody chose.
      .flatMap(([key, each]) => addressViolations(policy, each, `${path}.${key}`, NO_TEXTS))
  );
}

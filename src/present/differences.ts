/** What differs between two JSON values, path by path. Pure. */
import type { RunDocument } from '../contract/run-document.ts';
import type { Json } from '../contract/values.ts';

export interface Difference {
  readonly path: string;
  /** undefined: not there. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

export function differences(before: Json | undefined, after: Json | undefined, path = ''): Difference[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => differences(own(before, name), own(after, name), path === '' ? name : `${path}.${name}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
}

/** What was not written is absent, whatever objects inherit under its name (`constructor`). */
const own = (from: Record<string, Json>, name: string): Json | undefined => (Object.hasOwn(from, name) ? from[name] : undefined);

const isObject = (value: Json | undefined): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Steps by id, so that one step more does not shift all the others. */
export function comparable(document: RunDocument): Json {
  const byId = (steps: RunDocument['steps']): object => Object.fromEntries(steps.map((step) => [step.id, { ...step, source: undefined }]));
  return JSON.parse(JSON.stringify({ ...document, steps: byId(document.steps), onExit: byId(document.onExit), hash: undefined })) as Json;
}

/** Looking into a pod that a document shaped: any part may be missing, or something else than it should be. */
import type { Json } from '../contract/values.ts';

export type Tree = Readonly<Record<string, Json | undefined>>;

export const treeOf = (value: Json | undefined): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};

/** A single value counts as a list of one: nothing is overlooked since it has the wrong form. */
export const itemsOf = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];

/** The fields that have a value. */
export const childrenOf = (value: Json | undefined): Tree =>
  Object.fromEntries(Object.entries(treeOf(value)).filter(([, each]) => each !== undefined && each !== null));

/** All of them, also those that only begin the pod or that a person adds later. */
export function containersOf(spec: Tree): { readonly path: string; readonly container: Tree }[] {
  return ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) =>
    itemsOf(spec[list]).map((container, index) => ({ path: `spec.${list}.${index}`, container: treeOf(container) })),
  );
}

/** As a person reads it, and as it can be compared: texts as they are, all else as JSON. */
export const told = (value: Json | undefined): string =>
  value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);

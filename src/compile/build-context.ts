/** What a step's spec is built with: what is read, asked and told. */
import type { z } from 'zod';
import type { STEP_FILES } from '../contract/pipeline.ts';
import type { StepSpec } from '../contract/steps.ts';
import type { OutputType } from '../contract/values.ts';
import type { CodePacker } from './code/pack.ts';
import type { LeafStep } from './expand.ts';
import type { Loader } from './load.ts';
import { join } from './problems.ts';
import type { SqlChecks } from './sql-files.ts';
import { isBelow } from './step-fields.ts';
import { child, type Entry, type MapNode, type Reference, show } from './tree.ts';

export interface BuildContext extends Loader {
  readonly pipeline: string;
  /** Root of the object store, without a slash at its end. */
  readonly storage: string;
  /** Data set of tables that name none. */
  readonly dataset: string;
  /** null: the warehouse's SQL cannot be checked here. */
  readonly sqlChecks: SqlChecks | null;
  readonly packer: CodePacker;
  /** null: the step has no such output, or is itself wrong. */
  readonly typeOf: (reference: Reference) => OutputType | null;
  /** What was built of another step; null: it is not built, or wrong. */
  readonly specOf: (step: string) => StepSpec | null;
}

export type FileOf<K extends LeafStep['kind']> = z.output<(typeof STEP_FILES)[K]>;

/** Where a step writes: below the storage of the profile, for nothing else may be written to. */
export function prefixOf(leaf: LeafStep, fields: MapNode, name: string, { pipeline, storage, problems }: BuildContext): string {
  const node = child(fields, name);
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return `${storage}/${pipeline}/${leaf.template}/{key}`;
  const value = node.value.replace(/\/+$/, '');
  if (!isBelow(storage, value))
    problems.add(node.at, join(leaf.path, name), 'a step writes below the storage of the profile', {
      expected: `{storage}/…`,
      found: show(node.value),
    });
  return value;
}

export const entriesOf = (node: MapNode, key: string): ReadonlyMap<string, Entry> => {
  const found = child(node, key);
  return found?.kind === 'map' ? found.entries : new Map<string, Entry>();
};

/** What names mean at one place of a pipeline: constants, steps, and what only the run will know. */
import type { Node, Place } from './tree.ts';

/** A value, or how to get it: inputs of components may refer to steps that are expanded later. */
export type Constant = Node | (() => Node);

export interface Scope {
  /** `pipeline`, `storage`, `params.trials`, `inputs.table`, a forEach variable … */
  readonly constants: ReadonlyMap<string, Constant>;
  readonly steps: ReadonlyMap<string, StepEntry>;
  /** Inside of a component: it sees its inputs and its own steps only. */
  readonly inComponent: boolean;
  /** Among the onExit steps, where `run.status` is known. */
  readonly isOnExit: boolean;
}

/** One step of the document. */
export interface Leaf {
  readonly kind: 'leaf';
  readonly id: string;
}

/** The instances of a step with forEach, by the text that follows its name in the ids. */
interface Group {
  readonly kind: 'group';
  readonly name: string;
  readonly instances: ReadonlyMap<string, Leaf | Component>;
}

/** A step that uses a component; `inside` is filled when the component's file was read. */
export interface Component {
  readonly kind: 'component';
  readonly id: string;
  inside: Inside | null;
}

interface Inside {
  readonly scope: Scope;
  readonly steps: ReadonlyMap<string, StepEntry>;
  /** The component is one step, in the place of its user. */
  readonly single: StepEntry | null;
  readonly outputs: ReadonlyMap<string, { readonly node: Node; readonly path: string }>;
}

export type StepEntry = Leaf | Group | Component;

/** Known when the run starts (`run`) or when the step's inputs are (`key`); they stay in the text. */
export const LATE_NAMES: ReadonlySet<string> = new Set(['run', 'key']);

export const constantsOf = (values: Readonly<Record<string, Constant>>): ReadonlyMap<string, Constant> => new Map(Object.entries(values));

export const extend = (scope: Scope, constants: Iterable<readonly [string, Constant]>): Scope => ({
  ...scope,
  constants: new Map([...scope.constants, ...constants]),
});

/** All steps that an entry stands for. */
export function leavesOf(entry: StepEntry): string[] {
  if (entry.kind === 'leaf') return [entry.id];
  if (entry.kind === 'group') return [...entry.instances.values()].flatMap(leavesOf);
  if (!entry.inside) return [];
  return [...(entry.inside.single ? [entry.inside.single] : entry.inside.steps.values())].flatMap(leavesOf);
}

export interface Failure {
  readonly message: string;
  readonly known?: readonly string[];
  readonly name?: string;
  readonly hint?: string;
}

/** The entry that `dataset`, `dataset.train` names. */
export function findStep(scope: Scope, name: string): StepEntry | Failure {
  const [first = '', ...rest] = name.split('.');
  let entry = scope.steps.get(first);
  if (!entry) return { message: `there is no step "${first}"`, known: [...scope.steps.keys()], name: first };
  for (const part of rest) {
    if (entry.kind === 'group') {
      const instance = entry.instances.get(part);
      if (!instance) return { message: `step "${entry.name}" has no instance "${part}"`, known: [...entry.instances.keys()], name: part };
      entry = instance;
    } else if (entry.kind === 'component') {
      const outputs = entry.inside ? [...entry.inside.outputs.keys()] : [];
      return {
        message: `"${part}" is inside of the component ${entry.id}`,
        hint: outputs.length > 0 ? `refer to its outputs: ${outputs.join(', ')}` : 'declare an output in the component',
      };
    } else return { message: `step "${entry.id}" has no instances`, hint: `write steps.${entry.id}` };
  }
  return entry;
}

export const isFailure = (found: StepEntry | Failure): found is Failure => 'message' in found;

export type Where = { readonly at: Place; readonly path: string };

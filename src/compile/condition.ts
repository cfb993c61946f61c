/** From the text of `when` to the condition that the workflow evaluates: names bound, types checked. */
import type { Condition } from '../contract/steps.ts';
import type { OutputType, Scalar } from '../contract/values.ts';
import { ConditionSyntaxError, parseCondition, type Expression } from './condition-text.ts';
import type { Details, Problems } from './problems.ts';
import { placeIn, type Resolver } from './resolve.ts';
import { findStep, isFailure, leavesOf, type Scope } from './scope.ts';
import { suggestion } from './suggest.ts';
import { show, type Node, type Place, type Reference, type ScalarNode } from './tree.ts';

/** How a finished step can stand. */
const STEP_STATUSES = ['succeeded', 'cached', 'skipped', 'failed', 'cancelled', 'blocked'];
const RUN_STATUSES = ['succeeded', 'failed', 'cancelled'];

type Bound =
  | { readonly kind: 'value'; readonly value: Scalar; readonly offset: number }
  | { readonly kind: 'output'; readonly reference: Reference; readonly offset: number }
  | {
      readonly kind: 'status';
      readonly ref: string;
      readonly steps: readonly string[];
      readonly known: readonly string[];
      readonly offset: number;
    }
  | { readonly kind: 'not'; readonly operand: Bound; readonly offset: number }
  | {
      readonly kind: 'binary';
      readonly op: Exclude<Condition['op'], 'ref' | 'value' | 'not'>;
      readonly left: Bound;
      readonly right: Bound;
      readonly offset: number;
    };

/** A condition whose names are bound; its types can be checked when the outputs of the steps are known. */
export interface BoundCondition {
  readonly condition: Condition;
  /** Steps that it asks for. */
  readonly steps: readonly string[];
  readonly outputs: readonly Reference[];
  readonly at: Place;
  readonly path: string;
  readonly check: (typeOf: (reference: Reference) => OutputType | null) => void;
}

/** null: there is no condition, or it is wrong, which is told. */
export function bindCondition(node: Node, scope: Scope, path: string, resolver: Resolver, problems: Problems): BoundCondition | null {
  if (node.kind === 'scalar' && node.broken) return null;
  if (node.kind !== 'scalar' || (typeof node.value !== 'string' && typeof node.value !== 'boolean')) {
    problems.add(node.at, path, 'wrong type', {
      expected: 'a condition, e.g. steps.evaluate.outputs.mrr > 0.3',
      found: node.kind === 'scalar' ? show(node.value) : `a ${node.kind}`,
    });
    return null;
  }
  if (typeof node.value === 'boolean')
    return { condition: { op: 'value', value: node.value }, steps: [], outputs: [], at: node.at, path, check: () => undefined };
  const binder = new Binder(node, scope, path, resolver, problems);
  const bound = binder.parse(node.value);
  if (!bound) return null;
  const outputs = outputsIn(bound);
  return {
    condition: toCondition(bound),
    steps: stepsOf(bound),
    outputs,
    at: node.at,
    path,
    check: (typeOf) => void binder.typeOf(bound, typeOf),
  };
}

class Binder {
  readonly #node: ScalarNode;
  readonly #scope: Scope;
  readonly #path: string;
  readonly #resolver: Resolver;
  readonly #problems: Problems;

  constructor(node: ScalarNode, scope: Scope, path: string, resolver: Resolver, problems: Problems) {
    this.#node = node;
    this.#scope = scope;
    this.#path = path;
    this.#resolver = resolver;
    this.#problems = problems;
  }

  parse(text: string): Bound | null {
    try {
      return this.#bind(parseCondition(text));
    } catch (error) {
      if (!(error instanceof ConditionSyntaxError)) throw error;
      this.#tell(error.offset, error.message, { found: error.found, ...(error.hint ? { hint: error.hint } : {}) });
      return null;
    }
  }

  #bind(expression: Expression): Bound | null {
    switch (expression.kind) {
      case 'value':
        return expression;
      case 'name':
        return this.#name(expression.name, expression.offset);
      case 'not': {
        const operand = this.#bind(expression.operand);
        return operand && { ...expression, operand };
      }
      case 'binary': {
        const left = this.#bind(expression.left);
        const right = this.#bind(expression.right);
        return left && right && { ...expression, left, right };
      }
    }
  }

  #name(name: string, offset: number): Bound | null {
    const where = { at: placeIn(this.#node, offset), path: this.#path };
    if (name === 'run.status') {
      if (this.#scope.isOnExit) return { kind: 'status', ref: name, steps: [], known: RUN_STATUSES, offset };
      return this.#tell(offset, 'run.status is known in onExit steps only');
    }
    const status = /^steps\.(.+)\.status$/.exec(name)?.[1];
    if (status !== undefined) {
      const entry = findStep(this.#scope, status);
      if (isFailure(entry))
        return this.#tell(offset, entry.message, entry.known && entry.name !== undefined ? suggestion(entry.name, entry.known) : {});
      if (entry.kind === 'leaf')
        return { kind: 'status', ref: `steps.${entry.id}.status`, steps: [entry.id], known: STEP_STATUSES, offset };
      return this.#tell(offset, `"${status}" is several steps, and has no status of its own`, {
        expected: `one of ${leavesOf(entry).join(', ')}`,
      });
    }
    const value = this.#resolver.value(name, this.#scope, where);
    if (!value) return null;
    if (value.kind !== 'scalar') return this.#tell(offset, `${name} is a ${value.kind}`, { expected: 'a text, number or switch' });
    if (value.whole) return { kind: 'output', reference: value.whole, offset };
    if (value.broken) return null;
    return value.references
      ? this.#tell(offset, `${name} is made of outputs`, { expected: 'a constant, or exactly one output' })
      : { kind: 'value', value: value.value, offset };
  }

  /** Type of a value; `any` where it cannot be told. */
  typeOf(bound: Bound, outputType: (reference: Reference) => OutputType | null): ValueType {
    switch (bound.kind) {
      case 'value':
        return bound.value === null ? 'any' : (typeof bound.value as ValueType);
      case 'status':
        return 'string';
      case 'output': {
        const type = outputType(bound.reference);
        return type === null ? 'any' : VALUE_TYPES[type];
      }
      case 'not':
        this.typeOf(bound.operand, outputType);
        return 'boolean';
      case 'binary': {
        const left = this.typeOf(bound.left, outputType);
        const right = this.typeOf(bound.right, outputType);
        if (bound.op !== 'and' && bound.op !== 'or') this.#compare(bound, left, right);
        return 'boolean';
      }
    }
  }

  #compare({ op, left, right }: Extract<Bound, { kind: 'binary' }>, leftType: ValueType, rightType: ValueType): void {
    const ordered = op !== '==' && op !== '!=';
    for (const [side, type] of [
      [left, leftType],
      [right, rightType],
    ] as const)
      if (ordered && type === 'boolean') return void this.#tell(side.offset, `${op} orders numbers or texts`, { found: 'a switch' });
    if (leftType !== rightType && leftType !== 'any' && rightType !== 'any')
      return void this.#tell(right.offset, `the two sides of ${op} have different types`, {
        expected: WORDS[leftType],
        found: WORDS[rightType],
      });
    for (const [status, value] of [
      [left, right],
      [right, left],
    ] as const)
      if (status.kind === 'status' && value.kind === 'value' && typeof value.value === 'string' && !status.known.includes(value.value))
        this.#tell(value.offset, 'no such status', { found: show(value.value), ...suggestion(value.value, status.known) });
  }

  #tell(offset: number, message: string, details: Details = {}): null {
    this.#problems.add(placeIn(this.#node, offset), this.#path, message, details);
    return null;
  }
}

type ValueType = 'string' | 'number' | 'boolean' | 'any';

const VALUE_TYPES: Readonly<Record<OutputType, ValueType>> = {
  string: 'string',
  uri: 'string',
  table: 'string',
  int: 'number',
  float: 'number',
  bool: 'boolean',
  json: 'any',
};

const WORDS: Readonly<Record<ValueType, string>> = { string: 'a text', number: 'a number', boolean: 'a switch', any: 'any value' };

function toCondition(bound: Bound): Condition {
  switch (bound.kind) {
    case 'value':
      return { op: 'value', value: bound.value };
    case 'status':
      return { op: 'ref', ref: bound.ref };
    case 'output':
      return { op: 'ref', ref: `steps.${bound.reference.step}.outputs.${bound.reference.output}` };
    case 'not':
      return { op: 'not', operand: toCondition(bound.operand) };
    case 'binary':
      return { op: bound.op, left: toCondition(bound.left), right: toCondition(bound.right) };
  }
}

function stepsOf(bound: Bound): string[] {
  if (bound.kind === 'output') return [bound.reference.step];
  if (bound.kind === 'status') return [...bound.steps];
  if (bound.kind === 'not') return stepsOf(bound.operand);
  return bound.kind === 'binary' ? [...new Set([...stepsOf(bound.left), ...stepsOf(bound.right)])] : [];
}

function outputsIn(bound: Bound): Reference[] {
  if (bound.kind === 'output') return [bound.reference];
  if (bound.kind === 'not') return outputsIn(bound.operand);
  return bound.kind === 'binary' ? [...outputsIn(bound.left), ...outputsIn(bound.right)] : [];
}

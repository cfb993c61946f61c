/** Evaluates a parsed `when`. Pure. */
import type { Condition } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';

/** Value of `steps.ID.outputs.NAME`, `steps.ID.status` or `run.status`; null when there is none (a skipped step has no outputs). */
type Lookup = (reference: string) => Json;

/** Thrown when two values have no order, e.g. a text and a number. */
export class ConditionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConditionError';
  }
}

/** False, null, 0 and the empty text do not hold; everything else does. */
export function holds(condition: Condition, lookup: Lookup): boolean {
  return truthy(evaluate(condition, lookup));
}

/** Every reference in the condition, each once. */
export function referencesInCondition(condition: Condition): string[] {
  switch (condition.op) {
    case 'ref':
      return [condition.ref];
    case 'value':
      return [];
    case 'not':
      return referencesInCondition(condition.operand);
    default:
      return [...new Set([...referencesInCondition(condition.left), ...referencesInCondition(condition.right)])];
  }
}

/** The condition as a person would write it. */
export function formatCondition(condition: Condition): string {
  switch (condition.op) {
    case 'ref':
      return condition.ref;
    case 'value':
      return JSON.stringify(condition.value);
    case 'not':
      return `not (${formatCondition(condition.operand)})`;
    case 'and':
    case 'or':
      return `(${formatCondition(condition.left)} ${condition.op} ${formatCondition(condition.right)})`;
    default:
      return `${formatCondition(condition.left)} ${condition.op} ${formatCondition(condition.right)}`;
  }
}

function evaluate(condition: Condition, lookup: Lookup): Json {
  switch (condition.op) {
    case 'ref':
      return lookup(condition.ref);
    case 'value':
      return condition.value;
    case 'not':
      return !holds(condition.operand, lookup);
    case 'and':
      return holds(condition.left, lookup) && holds(condition.right, lookup);
    case 'or':
      return holds(condition.left, lookup) || holds(condition.right, lookup);
    default:
      return compare(condition.op, evaluate(condition.left, lookup), evaluate(condition.right, lookup));
  }
}

function compare(op: '==' | '!=' | '<' | '<=' | '>' | '>=', left: Json, right: Json): boolean {
  if (op === '==') return left === right;
  if (op === '!=') return left !== right;
  if (left === null || right === null) return false;
  if (!sameOrder(left, right))
    throw new ConditionError(
      `${JSON.stringify(left)} ${op} ${JSON.stringify(right)}: these have no order; compare two numbers or two texts`,
    );
  if (op === '<') return left < right;
  if (op === '<=') return left <= right;
  if (op === '>') return left > right;
  return left >= right;
}

const sameOrder = (left: Json, right: Json): boolean =>
  typeof left === typeof right && (typeof left === 'number' || typeof left === 'string');

const truthy = (value: Json): boolean => value !== false && value !== null && value !== 0 && value !== '';

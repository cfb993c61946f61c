/**
 * Constraints over parameters, e.g. `layers * units - 2048` (at most 0): read and computed as the sampler does (longhaul_sampler/constraints.py), so that
 * a mistyped name or a space of which they leave nothing is refused before anything runs. Pure.
 */
import type { Json } from '../contract/values.ts';

type Parameters = Readonly<Record<string, Json>>;
type Value = number | readonly Json[] | string | boolean | null;
type Expression = (parameters: Parameters) => Value;

/** What cannot be read; `found` is the word at which it ends. */
export class ConstraintError extends Error {}

export interface Constraint {
  readonly names: readonly string[];
  /** Null where it cannot be computed: a text where a number is needed, a division by 0. */
  readonly holds: (parameters: Parameters) => boolean | null;
}

const FUNCTIONS: Readonly<Record<string, (...values: (Value | undefined)[]) => number>> = {
  sum: (values) => listOf(values).reduce<number>((total, value) => total + numeric(value), 0),
  len: (value) => (typeof value === 'string' ? value.length : listOf(value).length),
  min: (...values) => least(numbersOf(values)),
  max: (...values) => -least(numbersOf(values).map((value) => -value)),
  abs: (value) => Math.abs(numeric(value)),
  log: (value, base) => {
    const found = Math.log(numeric(value)) / (base === undefined ? 1 : Math.log(numeric(base)));
    return Number.isFinite(found) ? found : cannot();
  },
};
export const CONSTRAINT_FUNCTIONS = Object.keys(FUNCTIONS);

const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|\/\/|[-+*/%(),]))/y;

/** @throws {ConstraintError} when it is not arithmetic over names and numbers */
export function parseConstraint(text: string): Constraint {
  const tokens = tokensOf(text);
  const names = new Set<string>();
  let at = 0;
  const peek = (): string => tokens[at] ?? '';
  const take = (): string => tokens[at++] ?? '';
  const expect = (token: string): void => {
    if (take() !== token)
      throw new ConstraintError(`expected ${token} ${at > tokens.length ? 'at the end' : `before ${tokens[at - 1] ?? ''}`}`);
  };

  function binary(next: () => Expression, operators: Readonly<Record<string, (a: number, b: number) => number>>): Expression {
    let left = next();
    while (Object.hasOwn(operators, peek())) {
      const operator = operators[take()] ?? cannot;
      const [a, b] = [left, next()];
      left = (parameters) => operator(numeric(a(parameters)), numeric(b(parameters)));
    }
    return left;
  }
  const sum = (): Expression => binary(product, { '+': (a, b) => a + b, '-': (a, b) => a - b });
  const product = (): Expression =>
    binary(unary, {
      '*': (a, b) => a * b,
      '/': (a, b) => (b === 0 ? cannot() : a / b),
      '//': (a, b) => (b === 0 ? cannot() : Math.floor(a / b)),
      '%': (a, b) => (b === 0 ? cannot() : a - b * Math.floor(a / b)),
    });
  function unary(): Expression {
    if (peek() !== '-' && peek() !== '+') return power();
    const sign = take() === '-' ? -1 : 1;
    const of = unary();
    return (parameters) => sign * numeric(of(parameters));
  }
  function power(): Expression {
    const base = atom();
    if (peek() !== '**') return base;
    take();
    // To the right, and stronger than a sign before it: -2 ** 2 is -4.
    const exponent = unary();
    return (parameters) => numeric(base(parameters)) ** numeric(exponent(parameters));
  }
  function atom(): Expression {
    const token = take();
    if (token === '(') {
      const inner = sum();
      expect(')');
      return inner;
    }
    if (/^[\d.]/.test(token)) return () => Number(token);
    if (!/^[A-Za-z_]/.test(token)) throw new ConstraintError(token === '' ? 'it ends too early' : `"${token}" does not belong there`);
    if (peek() !== '(') {
      names.add(token);
      // A parameter that does not take part counts as 0.
      return (parameters) => (Object.hasOwn(parameters, token) ? (parameters[token] as Value) : 0);
    }
    return call(token);
  }
  function call(name: string): Expression {
    const of = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (!of) throw new ConstraintError(`there is no function "${name}"; there are ${CONSTRAINT_FUNCTIONS.join(', ')}`);
    take();
    const values: Expression[] = [];
    while (peek() !== ')' && peek() !== '') {
      values.push(sum());
      if (peek() === ',') take();
    }
    expect(')');
    return (parameters) => of(...values.map((value) => value(parameters)));
  }

  const whole = sum();
  if (at < tokens.length) throw new ConstraintError(`"${peek()}" does not belong there`);
  return {
    names: [...names],
    holds: (parameters) => {
      try {
        const value = numeric(whole(parameters));
        return Number.isNaN(value) ? null : value <= 0;
      } catch (error) {
        if (error instanceof NotComputable) return null;
        throw error;
      }
    },
  };
}

class NotComputable extends Error {}
function cannot(): never {
  throw new NotComputable();
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw new ConstraintError(`"${text.slice(from).trim().slice(0, 20)}" cannot be read`);
    tokens.push(found[1] ?? found[2] ?? found[3] ?? '');
  }
  return tokens;
}

const numeric = (value: Value | Json | undefined): number =>
  typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : cannot();
const listOf = (value: Value | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : cannot());
/** `max(units)` of a list, `max(a, b)` of values. */
const numbersOf = (values: readonly (Value | undefined)[]): number[] =>
  (values.length === 1 && Array.isArray(values[0]) ? (values[0] as readonly Json[]) : values).map(numeric);
const least = (values: readonly number[]): number => (values.length === 0 ? cannot() : Math.min(...values));

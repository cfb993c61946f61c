/**
 * Parses `when`: `steps.evaluate.outputs.mrr > 0.3 and not (steps.check.status == 'failed')`.
 *
 *     or      := and ('or' and)*
 *     and     := not ('and' not)*
 *     not     := 'not' not | comparison
 *     comparison := operand (('==' | '!=' | '<' | '<=' | '>' | '>=') operand)?
 *     operand := number | 'text' | "text" | true | false | null | name | '{' name '}' | '(' or ')'
 */
import type { Scalar } from '../contract/values.ts';

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** `offset`: of its first character in the text. */
export type Expression =
  | { readonly kind: 'value'; readonly value: Scalar; readonly offset: number }
  | { readonly kind: 'name'; readonly name: string; readonly offset: number }
  | { readonly kind: 'not'; readonly operand: Expression; readonly offset: number }
  | {
      readonly kind: 'binary';
      readonly op: Comparison | 'and' | 'or';
      readonly left: Expression;
      readonly right: Expression;
      readonly offset: number;
    };

/** Thrown when the text is no condition. */
export class ConditionSyntaxError extends Error {
  readonly offset: number;
  readonly found: string;
  readonly hint: string | undefined;
  constructor(message: string, offset: number, found: string, hint?: string) {
    super(message);
    this.name = 'ConditionSyntaxError';
    this.offset = offset;
    this.found = found;
    this.hint = hint;
  }
}

interface Token {
  readonly kind: 'number' | 'text' | 'name' | 'operator' | 'end';
  readonly text: string;
  readonly offset: number;
}

const TOKEN =
  /\s*(?:(?<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|\{\s*(?<braced>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|(?<name>[A-Za-z_](?:[\w.-]|\{[^{}]*\})*)|(?<operator>==|!=|<=|>=|<|>|\(|\)|&&|\|\||!|=))/y;
const MEANT: Readonly<Record<string, string>> = { '&&': 'and', '||': 'or', '!': 'not', '=': '==' };
const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const MAX_LENGTH = 4000;
const MAX_DEPTH = 50;

export function parseCondition(text: string): Expression {
  return new Parser(tokenize(text)).whole();
}

function tokenize(text: string): Token[] {
  if (text.length > MAX_LENGTH) throw new ConditionSyntaxError(`a condition has at most ${MAX_LENGTH} characters`, 0, `${text.length}`);
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  let at = 0;
  while (at < end) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const offset = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
    if (!match) {
      const rest = text.slice(offset, offset + 20);
      throw new ConditionSyntaxError(
        /^['"]/.test(rest) ? 'this text is not closed' : 'this cannot stand in a condition',
        offset,
        rest,
        'there is no arithmetic; compare outputs with ==, !=, <, <=, >, >= and join with and, or, not',
      );
    }
    at = TOKEN.lastIndex;
    const { number, text: quoted, braced, name, operator } = match.groups as Partial<Record<string, string>>;
    if (operator !== undefined && MEANT[operator] !== undefined)
      throw new ConditionSyntaxError(`"${operator}" is no operator`, offset, operator, `write ${MEANT[operator]}`);
    if (number !== undefined) tokens.push({ kind: 'number', text: number, offset });
    else if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.slice(1, -1).replace(/\\(.)/gs, '$1'), offset });
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator, offset });
    else {
      const found = (braced ?? name ?? '').trim();
      const word = braced === undefined && ['and', 'or', 'not'].includes(found);
      tokens.push({ kind: word ? 'operator' : 'name', text: found, offset });
    }
  }
  tokens.push({ kind: 'end', text: '', offset: end });
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expression {
    const expression = this.#or();
    const rest = this.#peek();
    if (rest.kind !== 'end')
      throw new ConditionSyntaxError('the condition should end here', rest.offset, rest.text, 'join conditions with and, or');
    return expression;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#take('or')) left = { kind: 'binary', op: 'or', left, right: this.#and(), offset: left.offset };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#take('and')) left = { kind: 'binary', op: 'and', left, right: this.#not(), offset: left.offset };
    return left;
  }

  #not(): Expression {
    const token = this.#peek();
    if (!this.#take('not')) return this.#comparison();
    return this.#deeper(() => ({ kind: 'not', operand: this.#not(), offset: token.offset }));
  }

  #comparison(): Expression {
    const left = this.#operand();
    const token = this.#peek();
    if (token.kind !== 'operator' || !COMPARISONS.has(token.text)) return left;
    this.#at++;
    const right = this.#operand();
    const next = this.#peek();
    if (next.kind === 'operator' && COMPARISONS.has(next.text))
      throw new ConditionSyntaxError('comparisons cannot be chained', next.offset, next.text, 'write a < b and b < c');
    return { kind: 'binary', op: token.text as Comparison, left, right, offset: left.offset };
  }

  #operand(): Expression {
    const token = this.#peek();
    if (this.#take('(')) {
      const inner = this.#deeper(() => this.#or());
      if (!this.#take(')')) throw new ConditionSyntaxError('")" is missing', this.#peek().offset, this.#peek().text || 'the end');
      return inner;
    }
    if (token.kind === 'end' || token.kind === 'operator')
      throw new ConditionSyntaxError(
        'a value is missing',
        token.offset,
        token.text || 'the end',
        'e.g. steps.NAME.outputs.NAME, 0.5, "text", true',
      );
    this.#at++;
    const { offset } = token;
    if (token.kind === 'number') return { kind: 'value', value: Number(token.text), offset };
    if (token.kind === 'text') return { kind: 'value', value: token.text, offset };
    if (token.text === 'true' || token.text === 'false') return { kind: 'value', value: token.text === 'true', offset };
    return token.text === 'null' ? { kind: 'value', value: null, offset } : { kind: 'name', name: token.text, offset };
  }

  #deeper(parse: () => Expression): Expression {
    if (++this.#depth > MAX_DEPTH)
      throw new ConditionSyntaxError('the condition is nested too deeply', this.#peek().offset, this.#peek().text);
    const parsed = parse();
    this.#depth--;
    return parsed;
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] ?? { kind: 'end', text: '', offset: 0 };
  }

  #take(operator: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'operator' || token.text !== operator) return false;
    this.#at++;
    return true;
  }
}

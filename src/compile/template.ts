/**
 * The texts of a pipeline file: `{name}` stands for a value, `{{name}}` for `{name}` itself, `${NAME}` is the shell's. Braces around anything
 * that is no name (JSON, for one) are just braces.
 */

export type Token =
  | { readonly kind: 'text'; readonly text: string; readonly offset: number }
  /** `offset`: of the brace in the text. */
  | { readonly kind: 'reference'; readonly name: string; readonly offset: number };

/** A name may hold names: `{steps.dataset.{split}.outputs.table}`. */
const INNER = String.raw`\{\s*[A-Za-z_][A-Za-z0-9_.-]*\s*\}`;
const NAME = String.raw`[A-Za-z_](?:[A-Za-z0-9_.-]|${INNER})*`;
const TOKEN = new RegExp(String.raw`(?<escaped>\{\{[^{}]*\}\})|(?<shell>\$\{[A-Z_][A-Z0-9_]*\})|\{\s*(?<name>${NAME})\s*\}`, 'g');
const UNFINISHED = /\{\s*(?:params|steps|inputs)\./;

export function parseTemplate(text: string): Token[] {
  const tokens: Token[] = [];
  let literal = '';
  let from = 0;
  const flush = (end: number): void => {
    if (literal !== '') tokens.push({ kind: 'text', text: literal, offset: from });
    literal = '';
    from = end;
  };
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const { escaped, name } = match.groups as { escaped?: string; name?: string };
    literal += text.slice(at, match.index);
    at = match.index + match[0].length;
    if (name === undefined) {
      literal += escaped === undefined ? match[0] : escaped.slice(1, -1);
      continue;
    }
    flush(at);
    tokens.push({ kind: 'reference', name, offset: match.index });
  }
  literal += text.slice(at);
  flush(text.length);
  return tokens;
}

/** Offset of something that looks like the beginning of a reference but is none, e.g. for want of the closing brace. */
export function unfinishedReference(token: Token): number | null {
  if (token.kind !== 'text') return null;
  const found = UNFINISHED.exec(token.text);
  return found ? token.offset + found.index : null;
}

/** What the workflow would take for a reference of its own: such a text cannot be written literally. */
export const LATE_LOOKALIKE = /\{(?:steps\.[a-z0-9][a-z0-9._-]*\.outputs\.[A-Za-z_][A-Za-z0-9_-]*|run|key)\}/;

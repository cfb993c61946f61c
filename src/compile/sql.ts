/** What a GoogleSQL text asks for: `{alias}`es and `@parameters`, outside of comments and strings. */
import type { Place } from './tree.ts';

export interface SqlText {
  readonly sql: string;
  /** As the document names it. */
  readonly name: string;
  /** As people see it. */
  readonly shown: string;
  /** Place in the file of an offset or of a line and column of the SQL. */
  readonly place: (position: { line: number; column?: number }) => Place;
}

interface Asked {
  readonly name: string;
  readonly line: number;
  readonly column: number;
}

const OPAQUE =
  String.raw`--[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|('''|""")(?:\\[\s\S]|(?!\1)[\s\S])*(?:\1|$)|'(?:\\[\s\S]|[^'\\\n])*'?|"(?:\\[\s\S]|[^"\\\n])*"?|` +
  String.raw`\`(?:\\[\s\S]|[^\`\\])*\`?`;
const TOKEN = new RegExp(
  String.raw`(?:${OPAQUE})|\{(?<alias>[A-Za-z_][A-Za-z0-9_]*)\}|@@[A-Za-z_.]+|@(?<parameter>[A-Za-z_][A-Za-z0-9_]*)`,
  'g',
);

export function asksFor(sql: string): { aliases: Asked[]; parameters: Asked[] } {
  const aliases: Asked[] = [];
  const parameters: Asked[] = [];
  let line = 1;
  let lineStart = 0;
  let seen = 0;
  for (const match of sql.matchAll(TOKEN)) {
    for (let at = sql.indexOf('\n', seen); at >= 0 && at < match.index; at = sql.indexOf('\n', at + 1)) {
      line++;
      lineStart = at + 1;
    }
    seen = Math.max(seen, lineStart, match.index);
    const { alias, parameter } = match.groups as { alias?: string; parameter?: string };
    const name = alias ?? parameter;
    if (name !== undefined) (alias === undefined ? parameters : aliases).push({ name, line, column: match.index - lineStart + 1 });
  }
  return { aliases, parameters };
}

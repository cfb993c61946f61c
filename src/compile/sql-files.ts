/** Reads SQL, from a file or from the pipeline itself, and checks what can be checked without a warehouse. */
import type { Problem } from '../contract/errors.ts';
import type { Step } from '../contract/steps.ts';
import { bindSteps, type BindSql } from './bind-steps.ts';
import type { Loader } from './load.ts';
import type { Problems } from './problems.ts';
import { placeIn } from './resolve.ts';
import { asksFor, type SqlText } from './sql.ts';
import { suggestion } from './suggest.ts';
import { child, type Node, type Place, type ScalarNode } from './tree.ts';

/** What is wrong with a GoogleSQL text for the warehouse of the profile. */
export type CheckSql = (sql: string, name: string) => Promise<readonly Problem[]>;

/** null: there is none to be read, and that is told. @param node a path, or `{ inline: SQL }` */
export async function readSql(node: Node, path: string, { files, problems }: Loader): Promise<SqlText | null> {
  const inline = child(node, 'inline');
  if (inline?.kind === 'scalar' && typeof inline.value === 'string') {
    const text = inline.value;
    return {
      sql: text,
      name: `${files.nameOf(inline.at)} ${path}`,
      shown: inline.at.file,
      place: (position) => placeInline(inline, position),
    };
  }
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.broken) return null;
  if (node.references || node.value.includes('{')) {
    problems.add(node.at, path, 'the file must be known when compiling', { found: JSON.stringify(node.value) });
    return null;
  }
  const file = await files.read(node.value, node.at, path);
  if (!file) return null;
  if (file.text.trim() === '') {
    problems.add(node.at, path, 'the SQL file is empty', { found: JSON.stringify(node.value) });
    return null;
  }
  return { sql: file.text, name: file.name, shown: file.at.file, place: (position) => ({ ...file.at, ...position }) };
}

/** Tells the `{alias}`es and `@parameters` that nothing stands for. */
export function checkNames(
  text: SqlText,
  aliases: readonly string[],
  parameters: readonly string[] | null,
  path: string,
  problems: Problems,
): void {
  const asked = asksFor(text.sql);
  for (const { name, line, column } of asked.aliases)
    if (!aliases.includes(name))
      problems.add(text.place({ line, column }), path, `{${name}} stands for no table`, {
        ...suggestion(name, aliases),
        ...(aliases.length === 0 ? { hint: `add ${name} to the step's tables or sources` } : {}),
      });
  if (!parameters) return;
  for (const { name, line, column } of asked.parameters)
    if (!parameters.includes(name))
      problems.add(text.place({ line, column }), path, `@${name} has no value`, {
        ...suggestion(name, parameters),
        ...(parameters.length === 0 ? { hint: `add ${name} under \`with\`` } : {}),
      });
}

/** One translation for each text, however many instances share it. */
export class SqlChecks {
  readonly #check: CheckSql;
  readonly #seen = new Map<string, Promise<void>>();
  readonly #problems: Problems;
  readonly #ofSteps = new Map<string, { readonly text: SqlText; readonly path: string }>();

  constructor(check: CheckSql, problems: Problems) {
    this.#check = check;
    this.#problems = problems;
  }

  /** @param step whose statement it is, where it is a step's */
  add(text: SqlText, path: string, step?: string): void {
    if (step !== undefined) this.#ofSteps.set(step, { text, path });
    const key = `${text.shown} ${text.sql}`;
    if (!this.#seen.has(key)) this.#seen.set(key, this.#run(text, path));
  }

  async #run(text: SqlText, path: string): Promise<void> {
    this.#tell(await this.#check(text.sql, text.shown), text, path);
  }

  #tell(found: readonly Problem[], text: SqlText, path: string): void {
    for (const problem of found) {
      const place = problem.line === undefined ? text.place({ line: 1 }) : text.place({ line: problem.line, column: problem.column });
      this.#problems.addProblem({ ...problem, file: place.file, line: place.line, column: place.column, path });
    }
  }

  /** Once all steps are there and nothing else is wrong: with the columns that steps before make, as far as their SQL tells. */
  async withColumns(steps: readonly Step[], bind: BindSql): Promise<void> {
    await bindSteps(steps, async (id, statement, known) => {
      const of = this.#ofSteps.get(id);
      if (!of) return null;
      const { problems, columns } = await bind({ ...statement, sqlFile: of.text.shown }, known);
      this.#tell(problems, of.text, of.path);
      return columns;
    });
  }

  async settled(): Promise<void> {
    await Promise.all(this.#seen.values());
  }
}

function placeInline(node: ScalarNode, { line, column }: { line: number; column?: number }): Place {
  if (node.at.line === undefined) return node.at;
  // A block (`inline: |`) begins on the line after; how far it is indented the parser does not say.
  if (node.indent === undefined) return { ...node.at, line: node.at.line + line, column: undefined };
  return column === undefined ? node.at : placeIn(node, column - 1);
}

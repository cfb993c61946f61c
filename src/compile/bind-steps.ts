/** Columns of tables that steps will make, from the SQL of the steps before: what is not known stays unknown, and refuses nothing. */
import type { Problem } from '../contract/errors.ts';
import type { QuerySpec, Step } from '../contract/steps.ts';
import type { QueryParameter } from '../contract/values.ts';

/** A column of a table that does not exist yet. */
interface MadeColumn {
  readonly name: string;
  /** GoogleSQL. */
  readonly type: string;
  /** In the warehouse's own spelling. */
  readonly read: string;
}

type Statement = Pick<QuerySpec, 'sql' | 'sqlFile' | 'parameters' | 'tables' | 'sources'>;
type Known = Readonly<Record<string, readonly MadeColumn[]>>;

/** What is wrong with a statement that reads these tables, by alias, and what it makes; null: that cannot be told. */
export type BindSql = (
  statement: Statement,
  known: Known,
) => Promise<{ readonly problems: readonly Problem[]; readonly columns: readonly MadeColumn[] | null }>;

const TABLE_OF_STEP = /^\{steps\.([a-z0-9][a-z0-9._-]*)\.outputs\.table\}$/;
/** A value that is known only when the run gets there. */
const LATER = /\{(?:steps\.|run\}|key\})/;

/** @param bind the statement of a step; null: its columns are not known */
export async function bindSteps(
  steps: readonly Step[],
  bind: (step: string, statement: Statement, known: Known) => Promise<readonly MadeColumn[] | null>,
): Promise<void> {
  const specs = new Map(steps.map(({ id, spec }) => [id, spec]));
  const made = new Map<string, Promise<readonly MadeColumn[] | null>>();
  const columnsOf = (table: string): Promise<readonly MadeColumn[] | null> => {
    const id = TABLE_OF_STEP.exec(table)?.[1];
    const spec = id === undefined ? undefined : specs.get(id);
    // A check hands on the table that it looked at.
    if (spec?.kind === 'check') return columnsOf(spec.table);
    return spec?.kind === 'query' && id !== undefined ? madeBy(id, spec) : Promise.resolve(null);
  };
  const madeBy = (id: string, spec: QuerySpec): Promise<readonly MadeColumn[] | null> => {
    const known = made.get(id) ?? derive(id, spec);
    made.set(id, known);
    return known;
  };
  const derive = async (id: string, spec: QuerySpec): Promise<readonly MadeColumn[] | null> => {
    if (Object.values(spec.parameters).some(isLater)) return null;
    const known: Record<string, readonly MadeColumn[]> = {};
    for (const [alias, table] of Object.entries(spec.tables)) {
      const columns = await columnsOf(table);
      if (columns) known[alias] = columns;
    }
    return bind(id, spec, known);
  };
  for (const { id, spec } of steps) if (spec.kind === 'query') await madeBy(id, spec);
}

const isLater = ({ value }: QueryParameter): boolean => LATER.test(JSON.stringify(value));

import { ANY, BLOB, DuckDBBlobValue, DuckDBListValue, DuckDBScalarFunction, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBListType, DuckDBType, DuckDBValue } from '@duckdb/node-api';

/** A function of GoogleSQL that DuckDB lacks. Functions of one name may differ in their parameters: DuckDB chooses. */
export interface ScalarFunction {
  readonly name: string;
  readonly parameters: readonly DuckDBType[];
  /** Type of any further arguments. An argument of type ANY comes as a list of one: alone, JSON would look like a text. */
  readonly rest?: DuckDBType;
  readonly returns: DuckDBType;
  /** Whether it is asked about NULLs too; otherwise one makes the result NULL. */
  readonly nulls?: boolean;
  call(cells: readonly DuckDBValue[], types: readonly DuckDBType[]): DuckDBValue;
}

export function addScalars(connection: DuckDBConnection, functions: readonly ScalarFunction[]): void {
  for (const each of functions)
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name: each.name,
        parameterTypes: each.parameters,
        varArgsType: each.rest,
        returnType: each.returns,
        specialHandling: each.nulls,
        mainFunction: (_info, input, output) => {
          const columns = Array.from({ length: input.columnCount }, (_, i) => input.getColumnVector(i));
          const boxed = columns.map((_, i) => (each.parameters[i] ?? each.rest) === ANY);
          const types = columns.map(({ type }, i) => (boxed[i] ? (type as DuckDBListType).valueType : type));
          for (let row = 0; row < input.rowCount; row++) {
            const cells = columns.map((column, i) => {
              const cell = column.getItem(row);
              return boxed[i] ? (itemsIn(cell)[0] ?? null) : cell;
            });
            output.setItem(row, !each.nulls && cells.includes(null) ? null : each.call(cells, types));
          }
          output.flush();
        },
      }),
    );
}

/** The elements of a list; none of NULL. */
export const itemsIn = (cell: DuckDBValue | undefined): readonly DuckDBValue[] => (cell instanceof DuckDBListValue ? cell.items : []);

/** Thrown for what GoogleSQL raises an error for; DuckDB hands the message on. */
export function fail(message: string): never {
  throw new Error(message);
}

// --- texts and bytes ---------------------------------------------------------------------------------------------------

/** Bytes as a text of the characters U+0000 to U+00FF, so that one algorithm serves STRING and BYTES. */
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
export const bytesOf = (text: string): DuckDBBlobValue => new DuckDBBlobValue(Buffer.from(text, 'latin1'));

type Text = 'text';
type Parameter = Text | DuckDBType;
/** Arguments as JavaScript has them: texts (bytes as Latin-1), bigints, numbers, lists. */
type Plain = string | bigint | number | boolean | readonly Plain[] | null;

/** A function that STRING and BYTES have alike, where `text` in parameters and result stands for either. */
export function textOrBytes(
  name: string,
  parameters: readonly Parameter[],
  returns: Parameter | 'texts',
  call: (cells: never, isBytes: boolean) => Plain,
): ScalarFunction[] {
  const of = (isBytes: boolean): ScalarFunction => {
    const type = isBytes ? BLOB : VARCHAR;
    return {
      name,
      parameters: parameters.map((each) => (each === 'text' ? type : each)),
      returns: returns === 'text' ? type : returns === 'texts' ? LIST(type) : returns,
      call: (cells) => wrapped(call(cells.map(unwrapped) as never, isBytes), isBytes, returns === 'text' || returns === 'texts'),
    };
  };
  return [of(false), of(true)];
}

function unwrapped(cell: DuckDBValue): DuckDBValue {
  return cell instanceof DuckDBBlobValue ? latin1(cell.bytes) : cell;
}

function wrapped(value: Plain, isBytes: boolean, texts: boolean): DuckDBValue {
  if (Array.isArray(value)) return listOf((value as readonly Plain[]).map((each) => wrapped(each, isBytes, texts)));
  if (typeof value === 'string' && isBytes && texts) return bytesOf(value);
  return value as DuckDBValue;
}

export const listOf = (items: readonly DuckDBValue[]): DuckDBValue => listValue(items);

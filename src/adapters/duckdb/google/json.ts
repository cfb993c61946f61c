import { ANY, BIGINT, BOOLEAN, DOUBLE, DuckDBVarCharType, LIST, VARCHAR } from '@duckdb/node-api';
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { appendAt, contains, flatten, insertAt, keysOf, removeAt, setAt, stripNulls } from './json-changes.ts';
import { jsonOfValue, jsonTextOfValue } from './json-of-values.ts';
import { findInText } from './json-texts.ts';
import type { Found } from './json-texts.ts';
import { JsonSyntaxError, parseJson, stepsOf, valueAt, writeJson } from './json-values.ts';
import type { JsonValue, Step } from './json-values.ts';
import { floatText } from './numbers.ts';
import { fail, itemsIn, listOf } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';

const JSON_TYPE: DuckDBType = DuckDBVarCharType.create('JSON');

const text = (cell: DuckDBValue | undefined): string => cell as string;
const isOld = (cell: DuckDBValue | undefined): boolean => cell === true;

function parsed(value: string, mode: string): JsonValue {
  if (mode !== 'exact' && mode !== 'round') fail(`PARSE_JSON: wide_number_mode is 'exact' or 'round', not '${mode}'`);
  try {
    return parseJson(value, mode);
  } catch (error) {
    return error instanceof JsonSyntaxError ? fail(error.message) : fail(error instanceof Error ? error.message : String(error));
  }
}

// --- looking into it -----------------------------------------------------------------------------------------------------

/** A scalar without its quotes; NULL for null, arrays and objects. */
function scalarText(value: JsonValue | undefined): string | null {
  if (value === undefined || value === null || Array.isArray(value) || value instanceof Map) return null;
  return typeof value === 'string' ? value : writeJson(value);
}

/** `$.a` of a value of type JSON where `lax` looks through arrays. */
function lax(value: JsonValue, steps: readonly Step[], recursive: boolean): JsonValue[] {
  let found: JsonValue[] = [value];
  for (const step of steps)
    found = found.flatMap((each) => {
      if (typeof step === 'number') {
        const items = Array.isArray(each) ? each : [each];
        const item = items[step];
        return item === undefined ? [] : [item];
      }
      const objects = Array.isArray(each) ? (recursive ? flatten(each) : each) : [each];
      return objects.flatMap((object) => {
        const member = object instanceof Map ? object.get(step) : undefined;
        return member === undefined ? [] : [member];
      });
    });
  return found;
}

function queryJson(value: string, path: string, old: boolean): string | null {
  const modes = /^\s*lax(\s+recursive)?\s+|^\s*recursive\s+lax\s+/i.exec(path);
  if (modes && !old) {
    const found = lax(parseJson(value), stepsOf(path.slice(modes[0].length), false), /recursive/i.test(modes[0]));
    return writeJson(found);
  }
  const found = valueAt(parseJson(value), stepsOf(path, old));
  return found === undefined ? null : writeJson(found);
}

function queryText(value: string, path: string, old: boolean): string | null {
  const found = findInText(value, stepsOf(path, old));
  return found === undefined || found.kind === 'null' ? null : found.text;
}

const valueInJson = (value: string, path: string, old: boolean): string | null => scalarText(valueAt(parseJson(value), stepsOf(path, old)));
const valueInText = (value: string, path: string, old: boolean): string | null => findInText(value, stepsOf(path, old))?.scalar ?? null;

function arrayInJson(value: string, path: string, old: boolean): JsonValue[] | null {
  const found = valueAt(parseJson(value), stepsOf(path, old));
  return Array.isArray(found) ? found : null;
}
function arrayInText(value: string, path: string, old: boolean): readonly Found[] | null {
  return findInText(value, stepsOf(path, old))?.items ?? null;
}

/** Scalars only; a null is NULL, and with anything else there is no array. */
function scalars(value: string, path: string, old: boolean, inJson: boolean): DuckDBValue {
  if (inJson) {
    const items = arrayInJson(value, path, old);
    return items === null || items.some((each) => Array.isArray(each) || each instanceof Map) ? null : listOf(items.map(scalarText));
  }
  const items = arrayInText(value, path, old);
  return items === null || items.some(({ kind }) => kind === 'array' || kind === 'object')
    ? null
    : listOf(items.map(({ scalar }) => scalar ?? null));
}

/** One function for STRING and one for JSON, with a path and whether it is of the old kind. */
function looking(
  name: string,
  returns: (type: DuckDBType) => DuckDBType,
  call: (value: string, path: string, old: boolean, inJson: boolean) => DuckDBValue,
): ScalarFunction[] {
  return [VARCHAR, JSON_TYPE].map((type) => ({
    name: type === VARCHAR ? `${name}_text` : `${name}_json`,
    parameters: [type, VARCHAR, BOOLEAN],
    returns: returns(type),
    call: ([value, path, old]) => call(text(value), text(path), isOld(old), type !== VARCHAR),
  }));
}

// --- JSON as another type --------------------------------------------------------------------------------------------------

const INT64 = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const inInt64 = (value: bigint): boolean => value >= INT64[0] && value <= INT64[1];

type Conversion = (value: JsonValue, wide: string) => DuckDBValue;

const STRICT: Record<string, Conversion> = {
  bool: (value) => (typeof value === 'boolean' ? value : fail('The provided JSON input is not a boolean')),
  string: (value) => (typeof value === 'string' ? value : fail('The provided JSON input is not a string')),
  int64: (value) => {
    if (typeof value === 'bigint' && inInt64(value)) return value;
    if (typeof value === 'number' && Number.isInteger(value) && inInt64(BigInt(value))) return BigInt(value);
    return typeof value === 'bigint' || typeof value === 'number'
      ? fail(`The provided JSON number: ${writeJson(value)} cannot be converted to an int64`)
      : fail('The provided JSON input is not an integer');
  },
  float64: (value, wide) => {
    if (wide !== 'exact' && wide !== 'round') fail(`wide_number_mode is 'exact' or 'round', not '${wide}'`);
    if (typeof value === 'number') return value;
    if (typeof value !== 'bigint') return fail('The provided JSON input is not a number');
    if (wide === 'exact' && BigInt(Number(value)) !== value)
      fail(`JSON number: ${value} cannot be converted to DOUBLE without loss of precision`);
    return Number(value);
  },
};

const DECIMAL = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

function laxFloat(value: string): number | null {
  const word = /^([-+]?)(nan|inf(?:inity)?)$/i.exec(value);
  if (word) return word[2]?.toLowerCase() === 'nan' ? NaN : word[1] === '-' ? -Infinity : Infinity;
  return DECIMAL.test(value) ? Number(value) : null;
}

/** Halves away from zero. */
function laxInt(value: number | null): bigint | null {
  if (value === null || !Number.isFinite(value)) return null;
  const whole = BigInt(Math.sign(value) * Math.round(Math.abs(value)));
  return inInt64(whole) ? whole : null;
}

const LAX: Record<string, Conversion> = {
  bool: (value) => {
    if (typeof value === 'boolean') return value;
    if (typeof value === 'bigint') return value !== 0n;
    if (typeof value === 'number') return value !== 0;
    return typeof value === 'string' && /^(true|false)$/i.test(value) ? value.toLowerCase() === 'true' : null;
  },
  string: (value) => (typeof value === 'number' ? floatText(value) : scalarText(value)),
  int64: (value) => {
    if (typeof value === 'boolean') return value ? 1n : 0n;
    if (typeof value === 'bigint') return inInt64(value) ? value : null;
    if (typeof value === 'number') return laxInt(value);
    if (typeof value !== 'string') return null;
    if (/^[-+]?\d+$/.test(value)) return inInt64(BigInt(value.replace('+', ''))) ? BigInt(value.replace('+', '')) : null;
    return laxInt(laxFloat(value));
  },
  float64: (value) => {
    if (typeof value === 'bigint') return Number(value);
    return typeof value === 'number' ? value : typeof value === 'string' ? laxFloat(value) : null;
  },
};

const RESULTS: Record<string, DuckDBType> = { bool: BOOLEAN, string: VARCHAR, int64: BIGINT, float64: DOUBLE };

const conversions = (['bool', 'string', 'int64', 'float64'] as const).flatMap((name): ScalarFunction[] => {
  const [strict, lenient, result] = [STRICT[name] as Conversion, LAX[name] as Conversion, RESULTS[name] as DuckDBType];
  const one = (convert: Conversion, laxly: boolean): ScalarFunction => ({
    name: `longhaul_json_${laxly ? 'lax_' : ''}${name}`,
    parameters: [JSON_TYPE, VARCHAR],
    returns: result,
    call: ([value, wide]) => convert(parseJson(text(value)), text(wide)),
  });
  const many = (convert: Conversion, laxly: boolean): ScalarFunction => ({
    name: `longhaul_json_${laxly ? 'lax_' : ''}${name}_array`,
    parameters: [JSON_TYPE, VARCHAR],
    returns: LIST(result),
    call: ([value, wide]) => {
      const items = parseJson(text(value));
      if (!Array.isArray(items)) return laxly ? null : fail('The provided JSON input is not an array');
      return listOf(items.map((each) => convert(each, text(wide))));
    },
  });
  return [one(strict, false), one(lenient, true), many(strict, false), many(lenient, true)];
});

// --- making and changing it --------------------------------------------------------------------------------------------------

/** Pairs of path and value after the first arguments. */
function pairs(cells: readonly DuckDBValue[], types: readonly DuckDBType[], from: number): { steps: Step[] | null; value: JsonValue }[] {
  const found = [];
  for (let i = from; i < cells.length; i += 2) {
    const path = cells[i] ?? null;
    const [cell, type] = [cells[i + 1] ?? null, types[i + 1] ?? VARCHAR];
    found.push({ steps: path === null ? null : stepsOf(text(path), false), value: jsonOfValue(cell, type, false) });
  }
  return found;
}

/** Functions of a value and pairs of path and value: NULL where the value is. */
function changing(
  name: string,
  change: (root: JsonValue, steps: readonly Step[], value: JsonValue, option: boolean) => JsonValue,
): ScalarFunction {
  return {
    name,
    parameters: [JSON_TYPE, BOOLEAN],
    rest: ANY,
    returns: JSON_TYPE,
    nulls: true,
    call: (cells, types) => {
      if (cells[0] === null) return null;
      let root = parseJson(text(cells[0]));
      for (const { steps, value } of pairs(cells, types, 2)) if (steps) root = change(root, steps, value, cells[1] === true);
      return writeJson(root);
    },
  };
}

const itemsOf = (value: JsonValue, each: boolean): JsonValue[] => (each && Array.isArray(value) ? value : [value]);

function object(cells: readonly DuckDBValue[], types: readonly DuckDBType[]): string {
  const members = new Map<string, JsonValue>();
  const add = (name: DuckDBValue | undefined, value: JsonValue): void => {
    if (name === null || name === undefined) return fail('JSON_OBJECT: a name is NULL');
    if (!members.has(text(name))) members.set(text(name), value);
  };
  for (let i = 0; i < cells.length; i += 2) add(cells[i], jsonOfValue(cells[i + 1] ?? null, types[i + 1] ?? VARCHAR, false));
  return writeJson(members);
}

function objectOfArrays([names, values]: readonly DuckDBValue[], types: readonly DuckDBType[]): string | null {
  if (names === null || values === null) return null;
  const [keys, items] = [itemsIn(names), jsonOfValue(values ?? null, types[1] ?? VARCHAR, false) as JsonValue[]];
  if (keys.length !== items.length) fail('JSON_OBJECT: the numbers of names and values differ');
  return writeJson(
    new Map(keys.map((key, i) => [key === null ? fail('JSON_OBJECT: a name is NULL') : text(key), items[i] ?? null] as const).reverse()),
  );
}

const KINDS: readonly [(value: JsonValue) => boolean, string][] = [
  [(value) => value === null, 'null'],
  [(value) => Array.isArray(value), 'array'],
  [(value) => value instanceof Map, 'object'],
  [(value) => typeof value === 'boolean', 'boolean'],
  [(value) => typeof value === 'string', 'string'],
];

const asJson = (value: JsonValue): string => writeJson(value);

export const JSON_FUNCTIONS: readonly ScalarFunction[] = [
  {
    name: 'longhaul_parse_json',
    parameters: [VARCHAR, VARCHAR],
    returns: JSON_TYPE,
    call: ([value, mode]) => writeJson(parsed(text(value), text(mode))),
  },
  {
    name: 'longhaul_to_json',
    parameters: [ANY, BOOLEAN],
    returns: JSON_TYPE,
    nulls: true,
    call: ([value, wide], [type]) => writeJson(jsonOfValue(value ?? null, type ?? VARCHAR, wide === true)),
  },
  {
    name: 'longhaul_cast_json',
    parameters: [ANY],
    returns: JSON_TYPE,
    call: ([value], [type]) => writeJson(jsonOfValue(value ?? null, type ?? VARCHAR, false, true)),
  },
  {
    name: 'longhaul_to_json_string',
    parameters: [ANY, BOOLEAN],
    returns: VARCHAR,
    nulls: true,
    call: ([value, pretty], [type]) => (pretty === null ? null : jsonTextOfValue(value ?? null, type ?? VARCHAR, pretty === true)),
  },
  ...conversions,
  ...looking(
    'longhaul_json_query',
    (type) => type,
    (value, path, old, inJson) => (inJson ? queryJson : queryText)(value, path, old),
  ),
  ...looking(
    'longhaul_json_value',
    () => VARCHAR,
    (value, path, old, inJson) => (inJson ? valueInJson : valueInText)(value, path, old),
  ),
  ...looking(
    'longhaul_json_query_array',
    (type) => LIST(type),
    (value, path, old, inJson) => {
      const items = inJson ? arrayInJson(value, path, old)?.map(asJson) : arrayInText(value, path, old)?.map((each) => each.text);
      return items === undefined ? null : listOf(items);
    },
  ),
  ...looking('longhaul_json_value_array', () => LIST(VARCHAR), scalars),
  ...[VARCHAR, BIGINT].map((type): ScalarFunction => ({
    name: 'longhaul_json_at',
    parameters: [JSON_TYPE, type],
    returns: JSON_TYPE,
    call: ([value, key]) => {
      const found = valueAt(parseJson(text(value)), [typeof key === 'bigint' ? Number(key) : text(key)]);
      return found === undefined ? null : writeJson(found);
    },
  })),
  {
    name: 'longhaul_json_type',
    parameters: [JSON_TYPE],
    returns: VARCHAR,
    call: ([value]) => {
      const root = parseJson(text(value));
      return KINDS.find(([is]) => is(root))?.[1] ?? 'number';
    },
  },
  {
    name: 'longhaul_json_keys',
    parameters: [JSON_TYPE, BIGINT],
    returns: LIST(VARCHAR),
    call: ([value, depth]) => {
      if ((depth as bigint) < 1n) fail('JSON_KEYS: the depth must be positive');
      return listOf(keysOf(parseJson(text(value)), Number(depth)).sort());
    },
  },
  {
    name: 'longhaul_json_array',
    parameters: [],
    rest: ANY,
    returns: JSON_TYPE,
    nulls: true,
    call: (cells, types) => writeJson(cells.map((each, i) => jsonOfValue(each, types[i] ?? VARCHAR, false))),
  },
  { name: 'longhaul_json_object', parameters: [], rest: ANY, returns: JSON_TYPE, nulls: true, call: object },
  { name: 'longhaul_json_object_of_arrays', parameters: [LIST(VARCHAR), ANY], returns: JSON_TYPE, nulls: true, call: objectOfArrays },
  changing('longhaul_json_set', setAt),
  changing('longhaul_json_append', (root, steps, value, each) => appendAt(root, steps, itemsOf(value, each))),
  changing('longhaul_json_insert', (root, steps, value, each) => insertAt(root, steps, itemsOf(value, each))),
  {
    name: 'longhaul_json_remove',
    parameters: [JSON_TYPE],
    rest: VARCHAR,
    returns: JSON_TYPE,
    call: ([value, ...paths]) =>
      writeJson(
        paths.reduce(
          (root: JsonValue, path) => {
            const steps = stepsOf(text(path), false);
            return steps.length === 0 ? fail("JSON_REMOVE: the path must not be '$'") : removeAt(root, steps);
          },
          parseJson(text(value)),
        ),
      ),
  },
  {
    name: 'longhaul_json_strip_nulls',
    parameters: [JSON_TYPE, VARCHAR, BOOLEAN, BOOLEAN],
    returns: JSON_TYPE,
    call: ([value, path, arrays, empty]) => {
      const [root, steps] = [parseJson(text(value)), stepsOf(text(path), false)];
      if (steps.length === 0) return writeJson(stripNulls(root, arrays === true, empty === true));
      const inside = valueAt(root, steps);
      return writeJson(inside === undefined ? root : setAt(root, steps, stripNulls(inside, arrays === true, empty === true), false));
    },
  },
  {
    name: 'longhaul_json_flatten',
    parameters: [JSON_TYPE],
    returns: LIST(JSON_TYPE),
    call: ([value]) => listOf(flatten(parseJson(text(value))).map(asJson)),
  },
  {
    name: 'longhaul_json_contains',
    parameters: [JSON_TYPE, JSON_TYPE],
    returns: BOOLEAN,
    call: ([value, part]) => contains(parseJson(text(value)), parseJson(text(part))),
  },
];

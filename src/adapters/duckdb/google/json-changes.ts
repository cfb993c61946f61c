import type { JsonValue, Step } from './json-values.ts';

/** What JSON_SET, JSON_REMOVE and the like make of a value; it is changed in place and returned. */

const child = (value: JsonValue, step: Step): JsonValue | undefined =>
  Array.isArray(value)
    ? typeof step === 'number'
      ? value[step]
      : undefined
    : value instanceof Map && typeof step === 'string'
      ? value.get(step)
      : undefined;

function put(value: JsonValue, step: Step, item: JsonValue): void {
  if (value instanceof Map && typeof step === 'string') value.set(step, item);
  if (Array.isArray(value) && typeof step === 'number') {
    while (value.length < step) value.push(null);
    value[step] = item;
  }
}

const emptyFor = (step: Step): JsonValue => (typeof step === 'number' ? [] : new Map<string, JsonValue>());
const fits = (value: JsonValue, step: Step): boolean => (typeof step === 'number' ? Array.isArray(value) : value instanceof Map);

/** Puts `item` where the path leads; what is in the way (but null) stays. */
export function setAt(root: JsonValue, steps: readonly Step[], item: JsonValue, createMissing: boolean): JsonValue {
  const [first, ...rest] = steps;
  if (first === undefined) return item;
  let target = root;
  if (root === null) {
    if (!createMissing) return root;
    target = emptyFor(first);
  }
  if (!fits(target, first)) return root;
  const inside = child(target, first);
  if (inside === undefined && !createMissing) return root;
  if (rest.length === 0) {
    put(target, first, item);
    return target;
  }
  const made = setAt(inside ?? null, rest, item, createMissing);
  if (inside === undefined && made === null) return root;
  put(target, first, made);
  return target;
}

export function removeAt(root: JsonValue, steps: readonly Step[]): JsonValue {
  const last = steps.at(-1);
  let target: JsonValue | undefined = root;
  for (const step of steps.slice(0, -1)) target = target === undefined ? undefined : child(target, step);
  if (target instanceof Map && typeof last === 'string') target.delete(last);
  if (Array.isArray(target) && typeof last === 'number' && last < target.length) target.splice(last, 1);
  return root;
}

/** Changes the value at a path where there is one. */
function changeAt(root: JsonValue, steps: readonly Step[], change: (value: JsonValue) => JsonValue): JsonValue {
  const [first, ...rest] = steps;
  if (first === undefined) return change(root);
  const inside = child(root, first);
  if (inside !== undefined) put(root, first, changeAt(inside, rest, change));
  return root;
}

/** Inserts before the element that the path names, filling up with nulls; a null becomes an array. */
export function insertAt(root: JsonValue, steps: readonly Step[], items: readonly JsonValue[]): JsonValue {
  const index = steps.at(-1);
  if (typeof index !== 'number') return root;
  return changeAt(root, steps.slice(0, -1), (value) => {
    const array = value === null ? [] : value;
    if (!Array.isArray(array)) return value;
    while (array.length < index) array.push(null);
    array.splice(index, 0, ...items);
    return array;
  });
}

export function appendAt(root: JsonValue, steps: readonly Step[], items: readonly JsonValue[]): JsonValue {
  return changeAt(root, steps, (value) => (value === null ? [...items] : Array.isArray(value) ? [...value, ...items] : value));
}

/** Without members (and elements) that are null. */
function withoutNulls(value: JsonValue, arrays: boolean, empty: boolean): JsonValue {
  const isEmpty = (each: JsonValue): boolean =>
    Array.isArray(each) ? arrays && each.length === 0 : each instanceof Map && each.size === 0;
  const drop = (each: JsonValue): boolean => each === null || (empty && isEmpty(each));
  if (Array.isArray(value)) {
    const items = value.map((each) => inner(each, arrays, empty));
    return arrays ? items.filter((each) => !drop(each)) : items;
  }
  if (value instanceof Map) {
    const members = [...value].map(([name, each]) => [name, inner(each, arrays, empty)] as const);
    return new Map(members.filter(([, each]) => !drop(each)));
  }
  return value;
}

const inner = (value: JsonValue, arrays: boolean, empty: boolean): JsonValue => withoutNulls(value, arrays, empty);

/** JSON_STRIP_NULLS of a whole value: what is empty then is null. */
export function stripNulls(value: JsonValue, arrays: boolean, empty: boolean): JsonValue {
  const stripped = withoutNulls(value, arrays, empty);
  if (!empty) return stripped;
  if (Array.isArray(stripped)) return arrays && stripped.length === 0 ? null : stripped;
  return stripped instanceof Map && stripped.size === 0 ? null : stripped;
}

export function flatten(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value.flatMap(flatten) : [value];
}

/** Names of all members with the way to them, to a depth. */
export function keysOf(value: JsonValue, depth: number, prefix = ''): string[] {
  if (!(value instanceof Map) || depth === 0) return [];
  return [...value].flatMap(([name, each]) => {
    const shown = /^[A-Za-z_]\w*$/.test(name) ? name : `"${name}"`;
    const key = prefix === '' ? shown : `${prefix}.${shown}`;
    return [key, ...keysOf(each, depth - 1, key)];
  });
}

/** Objects contain objects with fewer members; arrays contain arrays with some of their elements, and an array at the top one of its scalars. */
export function contains(value: JsonValue, part: JsonValue, top = true): boolean {
  if (Array.isArray(value)) {
    if (Array.isArray(part)) return part.every((each) => value.some((item) => contains(item, each, false)));
    return top && !(part instanceof Map) && value.some((item) => contains(item, part, false));
  }
  if (value instanceof Map) {
    if (!(part instanceof Map)) return false;
    return [...part].every(([name, each]) => value.has(name) && contains(value.get(name) ?? null, each, false));
  }
  if (typeof value === 'bigint' || typeof value === 'number')
    // A whole number equals a double of the same value.
    return (typeof part === 'bigint' || typeof part === 'number') && value == part;
  return value === part;
}

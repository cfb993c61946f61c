/** Other sizes of steps and machines of pools, written into the YAML that says them: comments, order and layout stay. Pure. */
import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { withUnit } from '../contract/units.ts';

export interface Sizes {
  readonly steps: Readonly<Record<string, { readonly cpu?: number | undefined; readonly memoryMb?: number | undefined }>>;
  /** By pool: the machine type, and its price. */
  readonly pools: Readonly<Record<string, { readonly machine: string; readonly pricePerHour: number }>>;
}

interface Value {
  readonly path: readonly (string | number)[];
  readonly value: string | number;
}

/**
 * A pipeline has steps, a profile pools; what the text does not name is left alone.
 * @returns null where it names none of them
 * @throws {Error} where the text is no YAML, or holds by an alias what would be changed
 */
export function writeSizes(text: string, sizes: Sizes): string | null {
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error) throw new Error(error.message);
  if (!isMap(document.contents)) return null;
  const values = [...stepValues(document.contents, sizes), ...poolValues(document.contents, sizes)];
  if (values.length === 0) return null;
  return values.reduce(withValue, text);
}

/** The value that is written there is replaced; where there is none, it is put before the first field of the map that should have it. */
function withValue(text: string, { path, value }: Value): string {
  const document = parseDocument(text, { uniqueKeys: false });
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (node === undefined) continue;
    const written = path.slice(0, depth).join('.');
    if (depth === path.length) {
      if (!isScalar(node) || !node.range) throw new Error(`${written}: expected a value, found an alias or fields; write it out`);
      return text.slice(0, node.range[0]) + String(value) + text.slice(node.range[1]);
    }
    const first = isMap(node) ? node.items[0]?.key : undefined;
    if (!isMap(node) || !isScalar(first) || !first.range)
      throw new Error(`${written}: expected fields, found an alias or nothing; write them out`);
    const at = first.range[0];
    const missing = path.slice(depth);
    const field = missing.reduceRight<string>(
      (inner, key, index) => (index === missing.length - 1 ? `${key}: ${inner}` : `${key}: { ${inner} }`),
      String(value),
    );
    const indent = at - (text.lastIndexOf('\n', at - 1) + 1);
    return text.slice(0, at) + field + (node.flow === true ? ', ' : `\n${' '.repeat(indent)}`) + text.slice(at);
  }
  return text;
}

function stepValues(contents: YAMLMap, { steps }: Sizes): Value[] {
  const written = contents.get('steps');
  if (!isMap(written)) return [];
  return Object.entries(steps).flatMap(([id, { cpu, memoryMb }]) => {
    const step = written.get(id);
    if (!isMap(step)) return [];
    const resources = step.get('resources');
    const path = ['steps', id, 'resources'];
    // The earlier spelling is a number.
    const memory: Value[] =
      memoryMb === undefined
        ? []
        : isMap(resources) && resources.has('memoryMb')
          ? [{ path: [...path, 'memoryMb'], value: memoryMb }]
          : [{ path: [...path, 'memory'], value: withUnit(memoryMb, 'Mi') }];
    return [...(cpu === undefined ? [] : [{ path: [...path, 'cpu'], value: cpu }]), ...memory];
  });
}

function poolValues(contents: YAMLMap, { pools }: Sizes): Value[] {
  const written = contents.get('pools');
  if (!isSeq(written)) return [];
  return written.items.flatMap((item, index) => {
    const name = isMap(item) ? item.get('name') : undefined;
    const wanted = typeof name === 'string' ? pools[name] : undefined;
    if (!isMap(item) || wanted === undefined) return [];
    const machine: Value = { path: ['pools', index, 'nodeSelector', 'node.kubernetes.io/instance-type'], value: wanted.machine };
    // One that is not written there is from a prices file, which knows the other machine as well.
    return item.has('pricePerHour') ? [machine, { path: ['pools', index, 'pricePerHour'], value: wanted.pricePerHour }] : [machine];
  });
}

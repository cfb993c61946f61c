/** The fields of a file under the names that they have now, whichever it uses; values of numbers get the unit that the earlier name said. */
import type { Rename, Renames } from '../contract/earlier-names.ts';
import { EXPECTED, kindOf, withUnit } from '../contract/units.ts';
import { join, type Problems } from './problems.ts';
import { broken, withEntry, type Entry, type MapNode, type Node } from './tree.ts';

/** Where both names stand, in files of which one extends the other or on the command line, the later one holds; in one file they are a mistake. */
export function withPresentNames(fields: MapNode, places: readonly Renames[], path: string, problems: Problems): MapNode {
  return places.reduce(
    (map, { at, renames }) => inside(map, at, path, (each, where) => rename(each, renames, where, problems)) as MapNode,
    fields,
  );
}

/** What stands at a place, changed; a list has it in each item. */
function inside(node: Node, [key, ...rest]: readonly string[], path: string, change: (map: MapNode, path: string) => MapNode): Node {
  const way = key === undefined ? [] : [key, ...rest];
  if (node.kind === 'list') return { ...node, items: node.items.map((item, i) => inside(item, way, join(path, i), change)) };
  if (node.kind !== 'map') return node;
  if (key === undefined) return change(node, path);
  const entry = node.entries.get(key);
  return entry ? withEntry(node, key, { ...entry, value: inside(entry.value, rest, join(path, key), change) }) : node;
}

/** One rule of `pruner` needs no list. */
export function withPrunerList(fields: MapNode): MapNode {
  const entry = fields.entries.get('pruner');
  return entry?.value.kind === 'map'
    ? withEntry(fields, 'pruner', { ...entry, value: { kind: 'list', at: entry.value.at, items: [entry.value] } })
    : fields;
}

function rename(fields: MapNode, renames: readonly Rename[], path: string, problems: Problems): MapNode {
  return renames.reduce((map, { old, now, unit }) => {
    const present = checkedUnit(map.entries.get(now), { old, now, unit }, path, problems);
    const given = map.entries.get(old);
    if (!given) return present ? withEntry(map, now, present) : map;
    const before = unit === undefined ? given : { ...given, value: inUnit(given.value, unit) };
    const keys = [...map.entries.keys()];
    if (present && before.key.file === present.key.file)
      problems.add(before.key, join(path, old), `${old} is the earlier name of ${now}, which is there too`, { hint: `leave ${old} out` });
    const shown = before.value.kind === 'scalar' && unit !== undefined ? `${now}: ${String(before.value.value)}` : now;
    problems.earlierName(before.key, old, shown);
    const wins =
      present && (fromCommandLine(present) || (!fromCommandLine(before) && keys.indexOf(now) > keys.indexOf(old))) ? present : before;
    const entries = [...map.entries].flatMap(([key, entry]): [string, Entry][] => {
      if (key === now) return [];
      return key === old ? [[now, wins]] : [[key, entry]];
    });
    return { ...map, entries: new Map(entries) };
  }, fields);
}

const inUnit = (node: Node, unit: NonNullable<Rename['unit']>): Node =>
  node.kind === 'scalar' && typeof node.value === 'number' ? { ...node, value: withUnit(node.value, unit) } : node;

/** A bare number is told here, with what was meant perhaps: the schema knows only of texts. */
function checkedUnit(entry: Entry | undefined, { now, unit }: Rename, path: string, problems: Problems): Entry | undefined {
  const value = entry?.value.kind === 'scalar' ? entry.value.value : null;
  if (!entry || unit === undefined || typeof value !== 'number' || value === 0) return entry;
  problems.add(entry.value.at, join(path, now), 'a number needs a unit', {
    expected: EXPECTED[kindOf(unit)],
    found: String(value),
    hint: `did you mean ${value}${unit}?`,
  });
  return { ...entry, value: broken(entry.value.at) };
}

const fromCommandLine = ({ key }: Entry): boolean => key.file.startsWith('--set ');

/** The fields of a search under the names that they have now, whichever a file uses. */
import { OBJECTIVE_RENAMES, PRUNER_RENAMES, SCHEDULER_RENAMES, STEP_RENAMES, type Rename } from '../contract/search-names.ts';
import { join, type Problems } from './problems.ts';
import { child, withEntry, type Entry, type MapNode, type Node } from './tree.ts';

/**
 * Where both names stand, in files of which one extends the other or on the command line, the later one holds; in one file they are a mistake.
 * @param fields of a step of kind search
 */
export function withPresentNames(fields: MapNode, path: string, problems: Problems): MapNode {
  let renamed = rename(fields, STEP_RENAMES, path, problems);
  renamed = inside(renamed, 'objective', (node) => renameIn(node, OBJECTIVE_RENAMES, join(path, 'objective'), problems));
  renamed = inside(renamed, 'alsoOptimize', (node) => eachOf(node, OBJECTIVE_RENAMES, join(path, 'alsoOptimize'), problems));
  renamed = inside(renamed, 'scheduler', (node) => renameIn(node, SCHEDULER_RENAMES, join(path, 'scheduler'), problems));
  return inside(renamed, 'pruner', (node) => {
    const list: Node = node.kind === 'map' ? { kind: 'list', at: node.at, items: [node] } : node;
    return eachOf(list, PRUNER_RENAMES, join(path, 'pruner'), problems);
  });
}

function inside(fields: MapNode, key: string, change: (node: Node) => Node): MapNode {
  const entry = fields.entries.get(key);
  return entry ? withEntry(fields, key, { ...entry, value: change(entry.value) }) : fields;
}

const eachOf = (node: Node, renames: readonly Rename[], path: string, problems: Problems): Node =>
  node.kind === 'list' ? { ...node, items: node.items.map((item, i) => renameIn(item, renames, join(path, i), problems)) } : node;

const renameIn = (node: Node, renames: readonly Rename[], path: string, problems: Problems): Node =>
  node.kind === 'map' ? rename(node, renames, path, problems) : node;

function rename(fields: MapNode, renames: readonly Rename[], path: string, problems: Problems): MapNode {
  return renames.reduce((map, { old, now }) => {
    if (!child(map, old)) return map;
    const keys = [...map.entries.keys()];
    const [before, present] = [map.entries.get(old) as Entry, map.entries.get(now)];
    if (present && before.key.file === present.key.file)
      problems.add(before.key, join(path, old), `${old} is the earlier name of ${now}, which is there too`, { hint: `leave ${old} out` });
    const wins =
      present && (fromCommandLine(present) || (!fromCommandLine(before) && keys.indexOf(now) > keys.indexOf(old))) ? present : before;
    const entries = [...map.entries].flatMap(([key, entry]): [string, Entry][] => {
      if (key === now) return [];
      return key === old ? [[now, wins]] : [[key, entry]];
    });
    return { ...map, entries: new Map(entries) };
  }, fields);
}

const fromCommandLine = ({ key }: Entry): boolean => key.file.startsWith('--set ');

/** Earlier names of fields in a pipeline's YAML, rewritten in place: comments, order and layout stay as they are. Pure. */
import { isMap, isPair, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { OBJECTIVE_RENAMES, PRUNER_RENAMES, SCHEDULER_RENAMES, STEP_RENAMES, type Rename } from '../contract/search-names.ts';

export interface Migrated {
  readonly text: string;
  readonly changes: readonly { readonly line: number; readonly old: string; readonly now: string }[];
}

interface Edit extends Rename {
  readonly from: number;
  readonly to: number;
}

/** @throws {Error} with the place, where the text is no YAML or has both names in one map */
export function migrate(text: string): Migrated {
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error) throw new Error(error.message);
  const edits = stepsOf(document.contents).flatMap(editsOfStep);
  const changed = [...edits]
    .sort((a, b) => b.from - a.from)
    .reduce((before, { from, to, old, now }) => before.slice(0, from) + before.slice(from, to).replace(old, now) + before.slice(to), text);
  return {
    text: changed,
    changes: edits
      .sort((a, b) => a.from - b.from)
      .map(({ from, old, now }) => ({ line: text.slice(0, from).split('\n').length, old, now })),
  };
}

/** Searches, and what changes a search of a file that is extended: it need not repeat the kind. */
function stepsOf(contents: unknown): YAMLMap[] {
  if (!isMap(contents)) return [];
  return ['steps', 'onExit'].flatMap((section) => {
    const steps = contents.get(section);
    if (!isMap(steps)) return [];
    return steps.items.flatMap(({ value }) => {
      if (!isMap(value)) return [];
      const kind = value.get('kind');
      return kind === 'search' || (kind === undefined && !value.has('uses')) ? [value] : [];
    });
  });
}

function editsOfStep(step: YAMLMap): Edit[] {
  const inner = (key: string): YAMLMap[] => {
    const value: unknown = step.get(key);
    if (isMap(value)) return [value];
    return isSeq(value) ? value.items.filter((item) => isMap(item)) : [];
  };
  return [
    ...editsOf(step, STEP_RENAMES),
    ...['objective', 'alsoOptimize'].flatMap(inner).flatMap((map) => editsOf(map, OBJECTIVE_RENAMES)),
    ...inner('scheduler').flatMap((map) => editsOf(map, SCHEDULER_RENAMES)),
    ...['stopping', 'pruner'].flatMap(inner).flatMap((map) => editsOf(map, PRUNER_RENAMES)),
  ];
}

function editsOf(map: YAMLMap, renames: readonly Rename[]): Edit[] {
  return renames.flatMap(({ old, now }) => {
    const [found] = map.items.filter((pair) => isPair(pair) && isScalar(pair.key) && pair.key.value === old);
    const range = found?.key;
    if (!isScalar(range) || !range.range) return [];
    if (map.has(now)) throw new Error(`both ${old} and ${now}, its present name, are there; leave one of them out`);
    return [{ old, now, from: range.range[0], to: range.range[1] }];
  });
}

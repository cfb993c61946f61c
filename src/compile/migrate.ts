/** Earlier names of fields in the YAML that people write, rewritten in place: comments, order and layout stay as they are. Pure. */
import { isAlias, isMap, isPair, isScalar, isSeq, parseDocument, type Document, type Node, type Pair, type YAMLMap } from 'yaml';
import { PIPELINE_RENAMES, POLICY_RENAMES, PROFILE_RENAMES, STEP_RENAMES, type Rename, type Renames } from '../contract/earlier-names.ts';
import { withUnit } from '../contract/units.ts';

export interface Migrated {
  readonly text: string;
  /** `now`: the present name, with its value where that is spelled otherwise too. */
  readonly changes: readonly { readonly line: number; readonly old: string; readonly now: string }[];
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

interface Change extends Pick<Rename, 'old'> {
  readonly now: string;
  readonly edits: readonly [Edit, ...Edit[]];
}

/** @throws {Error} with the place, where the text is no YAML, has both names in one map, or a value that cannot be rewritten alone */
export function migrate(text: string): Migrated {
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error) throw new Error(error.message);
  const changes = changesOf({ document, text });
  const edits = changes.flatMap((change) => change.edits).sort((a, b) => b.from - a.from);
  return {
    text: edits.reduce((before, edit) => before.slice(0, edit.from) + edit.text + before.slice(edit.to), text),
    changes: changes
      .sort((a, b) => a.edits[0].from - b.edits[0].from)
      .map(({ edits: [{ from }], old, now }) => ({ line: lineAt(text, from), old, now })),
  };
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

interface Source {
  readonly document: Document.Parsed;
  readonly text: string;
}

/** Pipelines and components have steps, profiles say where, what is left may be a policy. */
function changesOf(source: Source): Change[] {
  const { contents } = source.document;
  if (!isMap(contents)) return [];
  const steps = ['steps', 'onExit'].flatMap((section) => valuesOf(contents.get(section))).concat(mapsIn(contents.get('step')));
  if (steps.length > 0 || contents.has('extends'))
    return [...changesAt(contents, PIPELINE_RENAMES, source), ...steps.flatMap((step) => changesAt(step, renamesOf(step), source))];
  return changesAt(contents, contents.has('compute') || contents.has('storage') ? PROFILE_RENAMES : POLICY_RENAMES, source);
}

const mapsIn = (value: unknown): YAMLMap[] => (isMap(value) ? [value] : isSeq(value) ? value.items.filter((item) => isMap(item)) : []);
const valuesOf = (value: unknown): YAMLMap[] => (isMap(value) ? value.items.flatMap((pair) => mapsIn(pair.value)) : []);

/** What changes a step of a file that is extended need not repeat the kind: names of all kinds are looked for. */
function renamesOf(step: YAMLMap): readonly Renames[] {
  const kind = step.get('kind');
  if (kind === undefined) return step.has('uses') ? [] : [...new Set<Renames>(Object.values(STEP_RENAMES).flat())];
  return typeof kind === 'string' && Object.hasOwn(STEP_RENAMES, kind) ? STEP_RENAMES[kind as keyof typeof STEP_RENAMES] : [];
}

function changesAt(map: YAMLMap, places: readonly Renames[], source: Source): Change[] {
  const earlier = places.flatMap(({ at, renames }) => (at.length === 0 ? renames : []));
  return places.flatMap(({ at, renames }) =>
    at
      .reduce(
        (maps, key) => {
          const names = [key, ...earlier.flatMap(({ old, now }) => (now === key ? [old] : []))];
          return maps.flatMap((each) => names.flatMap((name) => mapsIn(each.get(name))));
        },
        [map],
      )
      .flatMap((each) => changesIn(each, renames, source)),
  );
}

function changesIn(map: YAMLMap, renames: readonly Rename[], source: Source): Change[] {
  return renames.flatMap(({ old, now, unit }) => {
    const pair = map.items.find((each) => isPair(each) && isScalar(each.key) && each.key.value === old);
    if (!pair || !isScalar(pair.key) || !pair.key.range) return [];
    if (map.has(now)) throw new Error(`both ${old} and ${now}, its present name, are there; leave one of them out`);
    const [from, to] = pair.key.range;
    const key: Edit = { from, to, text: source.text.slice(from, to).replace(old, now) };
    const value = unit === undefined ? null : valueEdit(pair, old, unit, source);
    return [{ old, now: value === null ? now : `${now}: ${value.text}`, edits: value === null ? [key] : [key, value] }];
  });
}

/** null: what stands there is no number, and the compiler says so. */
function valueEdit({ value: node }: Pair, old: string, unit: NonNullable<Rename['unit']>, { document, text }: Source): Edit | null {
  const value = isAlias(node) ? node.resolve(document) : (node as Node | null);
  const range = (node as Node | null)?.range;
  if (!isScalar(value) || !range) return null;
  if (isScalar(node) && node.anchor !== undefined)
    throw new Error(`line ${lineAt(text, range[0])}: ${old} has the anchor &${node.anchor}, which others use; write the value out`);
  const [from, to] = range;
  if (typeof value.value === 'number') return { from, to, text: withUnit(value.value, unit) };
  // A template gives the number: the unit stands behind it.
  if (isAlias(node) || typeof value.value !== 'string' || !value.value.endsWith('}')) return null;
  return { from, to, text: text.slice(from, to).replace(/\}(?=['"]?$)/, `}${unit}`) };
}

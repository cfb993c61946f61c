/** Puts known values into the texts of a compiled step: `{steps.ID.outputs.NAME}`, `{run}` and, once it is known, `{key}`. Pure. */
import type { StepSpec } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';

/** A step id may hold dots, so the output's name is what follows the last `.outputs.`. */
const REFERENCE = /\{(?:steps\.([a-z0-9][a-z0-9._-]*)\.outputs\.([A-Za-z_][A-Za-z0-9_-]*)|(run|key))\}/g;

/** Programs, not templates: braces in them are their own. */
const RAW_FIELDS: ReadonlySet<string> = new Set(['kind', 'sql', 'sqlFile', 'source', 'file', 'customMetrics']);

interface OutputReference {
  readonly step: string;
  readonly output: string;
}

interface Bindings {
  /** undefined = there is no such value: binding fails. */
  readonly output: (reference: OutputReference) => Json | undefined;
  readonly run: string;
  /** Absent until the step is prepared; `{key}` then stays as it is. */
  readonly key?: string;
}

/** Thrown when a text refers to a value that does not exist. */
export class UnboundReferenceError extends Error {
  constructor(reference: OutputReference) {
    super(
      `there is no value for {steps.${reference.step}.outputs.${reference.output}}: the step ${reference.step} has no output ${reference.output}`,
    );
    this.name = 'UnboundReferenceError';
  }
}

/** The spec with every reference replaced. A text that is exactly one reference takes the value with its type. */
export function bindSpec<S extends StepSpec>(spec: S, bindings: Bindings): S {
  return mapTemplates(spec, (text) => bindText(text, bindings)) as S;
}

/** Every output that the spec refers to, each once, in the order in which they appear. */
export function referencesOf(spec: StepSpec): OutputReference[] {
  const found = new Map<string, OutputReference>();
  mapTemplates(spec, (text) => {
    for (const [, step, output] of text.matchAll(REFERENCE)) {
      if (step !== undefined && output !== undefined) found.set(`${step}.outputs.${output}`, { step, output });
    }
    return text;
  });
  return [...found.values()];
}

function mapTemplates(spec: StepSpec, bind: (text: string) => Json): Json {
  const fields = Object.entries(spec as unknown as Record<string, Json>);
  return Object.fromEntries(
    fields.map(([name, value]) => {
      if (RAW_FIELDS.has(name)) return [name, value];
      if (name === 'earlyEvaluation' && isObject(value)) {
        return [
          name,
          Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, RAW_FIELDS.has(key) ? inner : mapTexts(inner, bind)])),
        ];
      }
      return [name, mapTexts(value, bind)];
    }),
  );
}

function mapTexts(value: Json, bind: (text: string) => Json): Json {
  if (typeof value === 'string') return bind(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, bind));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapTexts(inner, bind)]));
  return value;
}

function bindText(text: string, bindings: Bindings): Json {
  const whole = [...text.matchAll(REFERENCE)];
  const only = whole[0];
  if (whole.length === 1 && only?.[0] === text) return valueOf(only, bindings);
  return text.replaceAll(REFERENCE, (...match) => {
    const value = valueOf(match, bindings);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}

function valueOf(match: RegExpMatchArray, bindings: Bindings): Json {
  const [text, step, output, name] = match;
  if (name === 'run') return bindings.run;
  if (name === 'key') return bindings.key ?? text;
  const reference = { step: step ?? '', output: output ?? '' };
  const value = bindings.output(reference);
  if (value === undefined) throw new UnboundReferenceError(reference);
  return value;
}

function isObject(value: Json | undefined): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

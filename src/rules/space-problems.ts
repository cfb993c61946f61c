/** What is wrong with a search space, or with a set of parameters that is given by hand. Pure; for the compiler and for updates alike. */
import type { Space, SpaceParameter } from '../contract/search-space.ts';
import type { Json } from '../contract/values.ts';

export interface SpaceProblem {
  /** Below `space`, or below the set of parameters. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** JSON values that are the same; 1 and 1.0 are, 1 and true are not. */
const same = (a: Json | undefined, b: Json | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b) ||
  // 0.3 is where three steps of 0.1 end, whatever they add up to.
  (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= Math.max(1e-12, 1e-9 * Math.abs(b)));

/** Conditions that can never hold, because the parameter never has such a value or they wait for each other, and choices that are there twice. */
export function spaceProblems(space: Space): SpaceProblem[] {
  return [...repeatedChoices(space), ...circles(space), ...conditionProblems(space)];
}

function repeatedChoices(space: Space): SpaceProblem[] {
  return Object.entries(space).flatMap(([name, parameter]) => {
    if (parameter.type !== 'categorical') return [];
    const at = parameter.choices.findIndex((choice, i) => parameter.choices.slice(0, i).some((before) => same(before, choice)));
    if (at === -1) return [];
    const found = JSON.stringify(parameter.choices[at]);
    return [{ path: [name, 'choices', at], message: 'this choice is there twice', expected: 'each choice once', found }];
  });
}

/** The first one that is found. */
function circles(space: Space): SpaceProblem[] {
  for (const name of Object.keys(space)) {
    const way = [name];
    for (let next = space[name]?.when?.parameter; next !== undefined && way.length <= Object.keys(space).length;) {
      way.push(next);
      if (next === name && way.length > 2)
        return [{ path: [name, 'when'], message: 'these conditions wait for each other', found: way.join(' → ') }];
      next = Object.hasOwn(space, next) ? space[next]?.when?.parameter : undefined;
    }
  }
  return [];
}

function conditionProblems(space: Space): SpaceProblem[] {
  return Object.entries(space).flatMap(([name, { when }]) => {
    const parent = when && Object.hasOwn(space, when.parameter) ? space[when.parameter] : undefined;
    if (!when || !parent) return [];
    return when.in.flatMap((value, i) =>
      wrongValue(parent, value) === null && isDrawn(parent, value)
        ? []
        : [
            {
              path: [name, 'when', 'in', i],
              message: `${when.parameter} never has this value`,
              expected: isContinuous(parent) ? 'a parameter with choices, whole numbers or a step' : allowed(parent),
              found: JSON.stringify(value),
              ...meant(parent, value),
            },
          ],
    );
  });
}

/** A set that the space does not hold: unknown names, values that are not allowed, active parameters without one, inactive ones with one. */
export function setProblems(space: Space, fixed: Readonly<Record<string, Json>>, set: Readonly<Record<string, Json>>): SpaceProblem[] {
  const foreign = Object.keys(set).filter((name) => !Object.hasOwn(space, name));
  const problems: SpaceProblem[] = foreign.map((name) => ({
    path: [name],
    message: Object.hasOwn(fixed, name) ? 'this parameter is fixed for all trials' : `there is no parameter "${name}" in the space`,
    expected: Object.keys(space).join(', '),
  }));
  for (const [name, parameter] of Object.entries(space)) {
    const value = Object.hasOwn(set, name) ? set[name] : undefined;
    const active = isActive(space, name, set);
    if (active && value === undefined)
      problems.push({ path: [name], message: 'a value is missing', expected: allowed(parameter), found: 'nothing' });
    if (value === undefined) continue;
    const wrong = active
      ? wrongValue(parameter, value)
      : `only where ${parameter.when?.parameter ?? ''} is ${list(parameter.when?.in ?? [])}`;
    if (wrong !== null)
      problems.push({
        path: [name],
        message: active ? 'not a value of the space' : 'this parameter does not take part here',
        expected: active ? allowed(parameter) : wrong,
        found: JSON.stringify(value),
        ...(active ? meant(parameter, value) : {}),
      });
  }
  return problems;
}

/** Whether the parameter takes part in the set: its condition and those of its parents hold. */
export function isActive(space: Space, name: string, set: Readonly<Record<string, Json>>, depth = 0): boolean {
  const when = space[name]?.when;
  if (!when) return true;
  if (depth > Object.keys(space).length) return false;
  return when.in.some((value) => same(value, set[when.parameter])) && isActive(space, when.parameter, set, depth + 1);
}

/** Null: the parameter can have it. */
function wrongValue(parameter: SpaceParameter, value: Json): string | null {
  if (parameter.type === 'categorical') return parameter.choices.some((choice) => same(choice, value)) ? null : 'no choice';
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'no number';
  if (parameter.type === 'int' && !Number.isInteger(value)) return 'no whole number';
  return value >= parameter.low && value <= parameter.high ? null : 'out of range';
}

/** A sampler draws one value of a range as good as never, and never one that lies between its steps. */
function isDrawn(parameter: SpaceParameter, value: Json): boolean {
  if (isContinuous(parameter)) return false;
  if (parameter.type === 'categorical' || parameter.step === undefined || typeof value !== 'number') return true;
  const steps = (value - parameter.low) / parameter.step;
  return Math.abs(steps - Math.round(steps)) < STEP_TOLERANCE;
}

const isContinuous = (parameter: SpaceParameter): boolean =>
  parameter.type === 'float' && parameter.step === undefined && parameter.low < parameter.high;
const STEP_TOLERANCE = 1e-6;

function allowed(parameter: SpaceParameter): string {
  if (parameter.type === 'categorical') return `one of ${list(parameter.choices)}`;
  const steps = parameter.step === undefined ? '' : ` in steps of ${parameter.step}`;
  return `${parameter.type === 'int' ? 'a whole number' : 'a number'} from ${parameter.low} to ${parameter.high}${steps}`;
}

/** `1` for `true`, `"64"` for `64`. */
function meant(parameter: SpaceParameter, value: Json): { readonly hint?: string } {
  if (parameter.type !== 'categorical') return {};
  const text = plain(value);
  const near = parameter.choices.find((choice) => plain(choice) === text || (typeof choice === 'boolean' && value === Number(choice)));
  return near === undefined ? {} : { hint: `did you mean ${JSON.stringify(near)}?` };
}

const list = (values: readonly Json[]): string => values.map((value) => JSON.stringify(value)).join(', ');
const plain = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value)).toLowerCase();

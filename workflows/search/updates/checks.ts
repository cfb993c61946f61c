/** Whether an update makes sense; refusals say what was expected and found. Pure. No zod here: it would enter the workflow's bundle. */
import { ApplicationFailure } from '@temporalio/common';
import type { Budget, Space, SpaceParameter, StoppingRule } from '../../../src/contract/search-space.ts';
import { withDocumentNames } from '../../../src/contract/earlier-names.ts';
import { spaceProblems } from '../../../src/rules/space-problems.ts';
import type { Json } from '../../../src/contract/values.ts';

/** Fields that every update may have. */
export const WHO = ['by', 'why', 'signed'] as const;

type Fields = Readonly<Record<string, unknown>>;

export function refuse(message: string): never {
  throw ApplicationFailure.nonRetryable(message, 'InvalidInput');
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
}

export function fieldsOf(value: unknown, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse(`expected an object with ${allowed.join(', ')}, found ${shown(value)}`);
  const foreign = Object.keys(value).find((name) => !allowed.includes(name));
  return foreign === undefined ? (value as Fields) : refuse(`${foreign}: there is no such field; expected ${allowed.join(', ')}`);
}

interface NumberCheck {
  readonly integer?: boolean;
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
}

export function numberIn(value: unknown, path: string, { integer = false, min, above, max }: NumberCheck = {}): number {
  const fits =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (!integer || Number.isSafeInteger(value)) &&
    (min === undefined || value >= min) &&
    (above === undefined || value > above) &&
    (max === undefined || value <= max);
  if (fits) return value;
  const bounds = [
    min === undefined ? null : `at least ${min}`,
    above === undefined ? null : `above ${above}`,
    max === undefined ? null : `at most ${max}`,
  ]
    .filter(Boolean)
    .join(', ');
  return refuse(`${path}: expected ${integer ? 'a whole number' : 'a number'}${bounds ? ` ${bounds}` : ''}, found ${shown(value)}`);
}

/** A whole space with its defaults. */
export function checkedSpace(value: unknown): Space {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0)
    return refuse(`space: expected parameters by name, found ${shown(value)}`);
  const space: Space = {};
  for (const [name, parameter] of Object.entries(value)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(`space.${name}: expected a name of letters, digits and _`);
    space[name] = checkedParameter(name, parameter);
  }
  for (const [name, { when }] of Object.entries(space))
    if (when && !(when.parameter in space))
      refuse(`space.${name}.when.parameter: expected a parameter of the space, found ${when.parameter}`);
  const [problem] = spaceProblems(space);
  if (problem)
    refuse(
      `space.${problem.path.join('.')}: ${problem.message}; expected ${problem.expected ?? 'another'}, found ${problem.found ?? 'nothing'}`,
    );
  return space;
}

function checkedParameter(name: string, value: unknown): SpaceParameter {
  const fields = fieldsOf(value, ['type', 'low', 'high', 'log', 'step', 'choices', 'when']);
  const path = `space.${name}`;
  const when = fields.when === undefined ? {} : { when: checkedCondition(path, fields.when) };
  if (fields.type === 'categorical') {
    if (!Array.isArray(fields.choices) || fields.choices.length === 0)
      return refuse(`${path}.choices: expected a list of at least one value, found ${shown(fields.choices)}`);
    return { type: 'categorical', choices: fields.choices as Json[], ...when };
  }
  if (fields.type !== 'float' && fields.type !== 'int')
    return refuse(`${path}.type: expected float, int or categorical, found ${shown(fields.type)}`);
  const integer = fields.type === 'int';
  const low = numberIn(fields.low, `${path}.low`, { integer });
  const high = numberIn(fields.high, `${path}.high`, { integer, min: low });
  const log = fields.log === true;
  if (log && low <= 0) refuse(`${path}.low: expected above 0 with log, found ${low}`);
  if (log && fields.step !== undefined && fields.step !== 1) refuse(`${path}.step: expected none with log, found ${shown(fields.step)}`);
  const step = fields.step === undefined ? {} : { step: numberIn(fields.step, `${path}.step`, { integer, above: 0 }) };
  return { type: fields.type, low, high, log, ...step, ...when };
}

function checkedCondition(path: string, value: unknown): NonNullable<SpaceParameter['when']> {
  const { parameter, in: values } = fieldsOf(value, ['parameter', 'in']);
  if (typeof parameter !== 'string' || !Array.isArray(values) || values.length === 0)
    return refuse(`${path}.when: expected { parameter, in: [values] }, found ${shown(value)}`);
  return { parameter, in: values as (string | number | boolean | null)[] };
}

/** Fields of each rule: their check, and the default where there is one. */
type RuleFields = Readonly<Record<string, { readonly check: NumberCheck | 'text' | 'direction'; readonly default?: number | string }>>;
const PERCENTILE_FIELDS: RuleFields = {
  startupTrials: { check: { integer: true, min: 0 }, default: 5 },
  warmupSteps: { check: { integer: true, min: 0 }, default: 0 },
  intervalSteps: { check: { integer: true, min: 1 }, default: 1 },
  minTrials: { check: { integer: true, min: 1 }, default: 1 },
};
const RULES: Readonly<Record<StoppingRule['kind'], RuleFields>> = {
  median: PERCENTILE_FIELDS,
  percentile: { percentile: { check: { min: 0, max: 100 } }, ...PERCENTILE_FIELDS },
  asha: {
    minResource: { check: { integer: true, min: 1 }, default: 1 },
    reductionFactor: { check: { integer: true, min: 2 }, default: 4 },
    minEarlyStoppingRate: { check: { integer: true, min: 0 }, default: 0 },
  },
  hyperband: {
    minResource: { check: { integer: true, min: 1 }, default: 1 },
    maxResource: { check: { integer: true, min: 1 } },
    reductionFactor: { check: { integer: true, min: 2 }, default: 3 },
  },
  patience: { steps: { check: { integer: true, min: 1 } }, minDelta: { check: { min: 0 }, default: 0 } },
  divergence: { metric: { check: 'text', default: 'loss' }, explodesBy: { check: { above: 0 }, default: 10 } },
  overfitting: {
    training: { check: 'text', default: 'loss' },
    validation: { check: 'text', default: 'validation_loss' },
    gap: { check: { above: 0 } },
    steps: { check: { integer: true, min: 1 }, default: 3 },
    direction: { check: 'direction' },
  },
  underfitting: {
    metric: { check: 'text' },
    worseThan: { check: {} },
    afterSteps: { check: { integer: true, min: 1 } },
    direction: { check: 'direction' },
  },
  'wall-clock': { seconds: { check: { above: 0 } } },
  cost: { amount: { check: { above: 0 } } },
};

/** Rules with their defaults. */
export function checkedStopping(value: unknown): StoppingRule[] {
  if (!Array.isArray(value)) return refuse(`stopping: expected a list of rules, found ${shown(value)}`);
  return value.map((rule: unknown, i) => checkedRule(withDocumentNames(rule), `stopping[${i}]`));
}

function checkedRule(value: unknown, path: string): StoppingRule {
  const kind = typeof value === 'object' && value !== null ? (value as Fields).kind : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(RULES, kind))
    return refuse(`${path}.kind: expected one of ${Object.keys(RULES).join(', ')}, found ${shown(kind)}`);
  const rules = RULES[kind as StoppingRule['kind']];
  const given = fieldsOf(value, ['kind', ...Object.keys(rules)]);
  const checked = Object.entries(rules).map(([name, field]) => {
    const found = given[name] ?? field.default;
    if (field.check === 'direction') {
      if (found !== undefined && found !== 'maximize' && found !== 'minimize')
        refuse(`${path}.${name}: expected maximize or minimize, found ${shown(found)}`);
      return [name, found];
    }
    if (field.check === 'text')
      return [
        name,
        typeof found === 'string' && found !== '' ? found : refuse(`${path}.${name}: expected a metric's name, found ${shown(found)}`),
      ];
    return [name, numberIn(found, `${path}.${name}`, field.check)];
  });
  return { kind, ...Object.fromEntries(checked.filter(([, field]) => field !== undefined)) } as StoppingRule;
}

/** The budget after the update: `null` lifts a cap, what is not named stays. */
export function checkedBudget(before: Budget, value: unknown): Budget {
  const fields = fieldsOf(value, ['cost', 'hours', 'trials', ...WHO]);
  if (['cost', 'hours', 'trials'].every((name) => fields[name] === undefined)) refuse('expected at least one of cost, hours, trials');
  const cap = (name: keyof Budget, check: NumberCheck): number | undefined =>
    fields[name] === undefined ? before[name] : fields[name] === null ? undefined : numberIn(fields[name], name, check);
  return { cost: cap('cost', { above: 0 }), hours: cap('hours', { above: 0 }), trials: cap('trials', { integer: true, min: 1 }) };
}

/** Parameters of a trial that is given by hand: known names, right types, the active ones complete. Numbers may lie outside the space. */
export function checkedParameters(space: Space, fixed: Readonly<Record<string, Json>>, value: unknown): Record<string, Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse(`parameters: expected values by name, found ${shown(value)}`);
  const given = value as Record<string, Json>;
  const foreign = Object.keys(given).find((name) => !(name in space) && !(name in fixed));
  if (foreign !== undefined) refuse(`parameters.${foreign}: there is no such parameter; expected ${Object.keys(space).join(', ')}`);
  for (const [name, parameter] of Object.entries(space)) {
    const active = !parameter.when || parameter.when.in.some((choice) => same(choice, given[parameter.when?.parameter ?? '']));
    if (!active) continue;
    const found = given[name];
    if (found === undefined) refuse(`parameters.${name}: expected a value, found nothing`);
    if (parameter.type === 'categorical') {
      if (!parameter.choices.some((choice) => same(choice, found)))
        refuse(
          `parameters.${name}: expected one of ${parameter.choices.map((choice) => JSON.stringify(choice)).join(', ')}, found ${shown(found)}`,
        );
    } else numberIn(found, `parameters.${name}`, { integer: parameter.type === 'int' });
  }
  return given;
}

const same = (a: Json, b: Json | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

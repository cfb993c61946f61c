/** Every button: what it may carry and where it goes. Whether it makes sense now, the workflow decides. */
import { z } from 'zod';
import { UPDATES } from '../contract/names.ts';
import { Space, StoppingRule } from '../contract/search-space.ts';
import type { Identity } from './access.ts';
import { HttpError } from './failures.ts';
import type { Command } from './source.ts';

const why = z.string().trim().min(1).max(500).optional();
const step = z.string().max(200);
const trial = z.int().nonnegative();
const cap = z.number().positive().nullable().optional();
const parameters = z.record(z.string().max(200), z.json()).refine((values) => Object.keys(values).length <= 200, 'at most 200 parameters');

/** Of a run where `step` is absent. */
const eitherWay = z.strictObject({ step: step.optional(), trial: trial.optional(), why });

const CONTROLS = {
  [UPDATES.pause]: eitherWay,
  [UPDATES.resume]: eitherWay,
  [UPDATES.approve]: eitherWay.extend({ approval: step.optional() }),
  [UPDATES.reject]: eitherWay.extend({ approval: step.optional() }),
  [UPDATES.stopTrial]: z.strictObject({ step, trial, why }),
  [UPDATES.keepTrial]: z.strictObject({ step, trial, why }),
  [UPDATES.prioritise]: z.strictObject({ step, trial, priority: z.number(), why }),
  [UPDATES.addTrial]: z.strictObject({ step, parameters, priority: z.number().optional(), why }),
  [UPDATES.forkTrial]: z.strictObject({ step, trial, checkpoint: z.string().max(300).optional(), parameters, why }),
  [UPDATES.setParallelism]: z.strictObject({ step, parallel: z.int().positive(), why }),
  [UPDATES.setBudget]: z.strictObject({ step, cost: cap, hours: cap, trials: z.int().positive().nullable().optional(), why }),
  [UPDATES.setSpace]: z.strictObject({ step, space: Space, why }),
  [UPDATES.setStopping]: z.strictObject({ step, stopping: StoppingRule.array(), why }),
  stop: z.strictObject({ why }),
  cancel: z.strictObject({ why }),
} as const;

type ControlName = keyof typeof CONTROLS;

/**
 * Who presses is kept with the decision.
 * @throws HttpError 404 for an unknown name, 422 for a payload that is not as expected
 */
export function commandOf(run: string, name: string, body: unknown, { user, vouched }: Pick<Identity, 'user' | 'vouched'>): Command {
  if (!Object.hasOwn(CONTROLS, name)) throw new HttpError(404, 'UnknownControl', `there is no control “${name}”`);
  if (isDeeperThan(MOST_LEVELS, body))
    throw new HttpError(422, 'InvalidInput', `at most ${MOST_LEVELS} levels of lists and objects are expected`);
  const parsed = CONTROLS[name as ControlName].safeParse(body);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      [path.map(String).join('.'), message].filter((part) => part !== '').join(': '),
    );
    throw new HttpError(422, 'InvalidInput', problems.join('; '));
  }
  const { step: of, approval, ...payload } = parsed.data as { readonly step?: string; readonly approval?: string; readonly why?: string };
  // An approval is a step of the run, not a workflow of its own.
  const asked = approval === undefined ? {} : { step: approval };
  return {
    run,
    name,
    ...(of === undefined ? {} : { step: of }),
    payload: { ...payload, ...asked, by: user, ...(vouched === undefined ? {} : { vouched }) },
  };
}

/** Of what is inside of each other; whoever looks at all of it goes down as deep. */
const MOST_LEVELS = 32;

/** Goes down level by level, not into itself: what is too deep is so for whoever looks. */
function isDeeperThan(levels: number, value: unknown): boolean {
  let inside: unknown[] = [value];
  for (let level = 0; inside.length > 0; level++) {
    if (level > levels) return true;
    inside = inside.flatMap((one) => (typeof one === 'object' && one !== null ? (Object.values(one) as unknown[]) : []));
  }
  return false;
}

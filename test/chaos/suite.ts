/** One schedule after another on one world, each held against the run that nothing disturbed. */
import { isDeepStrictEqual } from 'node:util';
import { outcomeOf, problemsAfter, type Outcome } from './checks.ts';
import type { WorldKind } from './faults.ts';
import { play } from './play.ts';
import type { Schedule } from './schedule.ts';
import type { Verdict } from './verdict.ts';
import { openWorld, type World } from './world.ts';

export class ChaosSuite {
  readonly world: World;
  readonly #undisturbed: Outcome;
  #salt = 0;

  private constructor(world: World, undisturbed: Outcome) {
    this.world = world;
    this.#undisturbed = undisturbed;
  }

  static async open(kind: WorldKind = 'embedded'): Promise<ChaosSuite> {
    const world = await openWorld(kind);
    try {
      return new ChaosSuite(world, await undisturbedOutcome(world, kind));
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async judge(schedule: Schedule): Promise<Verdict> {
    const began = performance.now();
    const problems: string[] = [];
    try {
      const played = await play(this.world, schedule, ++this.#salt);
      problems.push(...(await problemsAfter(this.world, played)));
      const outcome = await outcomeOf(this.world, played);
      if (!isDeepStrictEqual(outcome, this.#undisturbed))
        problems.push(`another outcome: ${JSON.stringify(outcome)}, undisturbed ${JSON.stringify(this.#undisturbed)}`);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    return { schedule, problems, seconds: (performance.now() - began) / 1000 };
  }

  close(): Promise<void> {
    return this.world.close();
  }
}

async function undisturbedOutcome(world: World, kind: WorldKind): Promise<Outcome> {
  const played = await play(world, { seed: 0, world: kind, faults: [] }, 0);
  const problems = await problemsAfter(world, played);
  const outcome = await outcomeOf(world, played);
  if (problems.length > 0 || outcome.status !== 'succeeded' || outcome.trials.length < 2)
    throw new Error(`the undisturbed run is not well: ${[outcome.status, ...problems].join('; ')}`);
  return outcome;
}

/**
 * Population based training: who goes on from whom at the end of an interval. Pure.
 *
 * Jaderberg et al., Population Based Training of Neural Networks (arXiv:1711.09846), truncation selection; the size of the quantiles as in Ray Tune's
 * `PopulationBasedTraining` with `synch: true`. Members wait for each other, so that who is compared does not depend on whose machine was faster, and
 * the same seed gives the same population.
 */
import type { Objective, PopulationScheduler } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { better } from './best-trials.ts';
import { random } from './random.ts';

export interface Member {
  readonly trial: number;
  /** Intervals that it, and those that it was forked from, have trained. */
  readonly generation: number;
  /** Its newest value at the end of the last one; null is no number, and worse than any. */
  readonly value: number | null;
  /** Its model may be the best one: it keeps to the constraints on metrics. */
  readonly allowed: boolean;
  /** A person wants it to go on. */
  readonly kept: boolean;
}

export interface Exploit {
  /** Ends. */
  readonly poor: number;
  /** A fork of this one takes its place. */
  readonly parent: number;
  /** In words. */
  readonly reason: string;
}

/** Members that are at the end of the same interval, the earliest: one that came later catches up before it is compared with the others. */
export function atSameEnd(members: readonly Member[]): Member[] {
  const earliest = Math.min(...members.map(({ generation }) => generation));
  return members.filter(({ generation }) => generation === earliest);
}

/** @param members at the end of the same interval */
export function exploits(
  members: readonly Member[],
  { quantile_fraction: fraction }: Pick<PopulationScheduler, 'quantile_fraction'>,
  { goal }: Objective,
  seed: number,
): Exploit[] {
  const worth = ({ value, allowed }: Member): number | null => (allowed ? value : null);
  const ranked = [...members].sort((a, b) =>
    better(worth(a), worth(b), goal) ? -1 : better(worth(b), worth(a), goal) ? 1 : a.trial - b.trial,
  );
  const count = Math.min(Math.ceil(members.length * fraction), Math.floor(members.length / 2));
  const parents = ranked.slice(0, count).filter((member) => worth(member) !== null);
  return ranked.slice(ranked.length - count).flatMap((member, i): Exploit[] => {
    const draw = random(seed, member.generation, member.trial)();
    const parent = parents[Math.floor(draw * parents.length)];
    if (!parent || member.kept || !better(worth(parent), worth(member), goal)) return [];
    const place = ranked.length - count + i + 1;
    return [
      {
        poor: member.trial,
        parent: parent.trial,
        reason: `number ${place} of ${members.length} after ${member.generation} ${member.generation === 1 ? 'interval' : 'intervals'}`,
      },
    ];
  });
}

type Trained = Pick<SearchSpec, 'scheduler' | 'command' | 'image' | 'epochs' | 'validateEverySteps'>;

/** Whether a training of so many epochs ends by itself, at the very step, and goes on from there when it is made longer: of the reference trainer it is known. */
export const endsExactly = ({ scheduler, command, image }: Trained): boolean =>
  scheduler?.kind === 'pbt' && scheduler.resource === 'epochs' && command === undefined && image === undefined;

/** Where training ends, in the resource; null: nobody knows. */
export function endOfTraining({ scheduler, epochs, validateEverySteps, command }: Trained): number | null {
  const pointsAreEpochs = scheduler?.resource === 'points' && validateEverySteps === 0 && command === undefined;
  return scheduler?.resource === 'epochs' || pointsAreEpochs ? epochs : null;
}

/** The TensorBoard of a pipeline: started with its searches, removed some time after the last one. */
import type { Profile } from '../src/contract/profile.ts';
import type { Tensorboards, TensorboardSpec } from '../src/ports/tensorboard.ts';
import { translated } from './failures.ts';

export interface TensorboardInput extends TensorboardSpec {
  readonly profile: Profile;
}

export const createTensorboardActivities = (open: (profile: Profile) => Promise<Tensorboards>) =>
  translated({
    /** Returns its URL; one that runs is found. */
    async startTensorboard({ profile, ...spec }: TensorboardInput): Promise<string> {
      return (await open(profile)).start(spec);
    },
    async stopTensorboard({ profile, ...place }: Omit<TensorboardInput, 'logdir'>): Promise<void> {
      await (await open(profile)).stop(place);
    },
  });
export type TensorboardActivities = ReturnType<typeof createTensorboardActivities>;

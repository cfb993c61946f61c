/** Keeps the TensorBoard of a pipeline while searches use it, and so long after as the profile says. */
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { INTERNAL_SIGNALS } from '../src/contract/names.ts';
import type { Profile } from '../src/contract/profile.ts';
import { tensorboards } from './search-policies.ts';

export interface TensorboardKeeping {
  readonly pipeline: string;
  readonly profile: Profile;
  /** Workflow id of the search that began it. */
  readonly holder: string;
}

export const holdSignal = defineSignal<[{ readonly holder: string }]>(INTERNAL_SIGNALS.acquire);
export const letGoSignal = defineSignal<[{ readonly holder: string }]>(INTERNAL_SIGNALS.release);

export async function tensorboard({ pipeline, profile, holder }: TensorboardKeeping): Promise<void> {
  const holders = new Set([holder]);
  setHandler(holdSignal, (next) => void holders.add(next.holder));
  setHandler(letGoSignal, (gone) => void holders.delete(gone.holder));
  do await condition(() => holders.size === 0);
  while (await condition(() => holders.size > 0, profile.tensorboard.keepSeconds * 1000));
  await tensorboards(profile).stopTensorboard({ profile, pipeline });
}

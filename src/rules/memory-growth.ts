/** More memory after an out-of-memory end, for trials and for Jobs of steps: once, by the profile's `memoryGrowth`. Pure. */
import type { AttemptVerdict } from '../contract/jobs.ts';
import type { Profile } from '../contract/profile.ts';

type Growth = Pick<Profile, 'memoryGrowth'>;

/** @param grown how often it had more memory already */
export const growsMemory = (verdict: AttemptVerdict, grown: number, { memoryGrowth }: Growth): boolean =>
  verdict === 'out-of-memory' && grown === 0 && memoryGrowth > 1;

/** What its next attempt asks for. */
export const grownMemoryMb = (memoryMb: number, grown: number, { memoryGrowth }: Growth): number =>
  grown === 0 ? memoryMb : Math.ceil(memoryMb * memoryGrowth);

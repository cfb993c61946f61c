/** What the run document says of a search's scheduler. Pure. */
import type { SearchOfFile } from '../contract/pipeline.ts';
import type { PopulationScheduler } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { SHAPING } from '../rules/exploration.ts';
import { chooseScheduler } from '../rules/scheduler-choice.ts';

/** What is explored is decided here too: what a checkpoint of the reference trainer fits stays as it is. */
function withMutated(asked: PopulationScheduler, { space, command, image }: SearchOfFile): PopulationScheduler {
  if (asked.mutate !== undefined || command !== undefined || image !== undefined) return asked;
  return { ...asked, mutate: Object.keys(space).filter((name) => !SHAPING.includes(name)) };
}

/** `auto` is decided here, so that the run document says what will be done. */
export function withScheduler({
  scheduler: asked,
  ...file
}: SearchOfFile): Omit<SearchOfFile, 'scheduler'> & Pick<SearchSpec, 'scheduler' | 'schedulerChoice'> {
  if (asked === undefined) return file;
  if (asked.kind === 'pbt') return { ...file, scheduler: withMutated(asked, file) };
  const { kind } = asked;
  if (kind !== 'auto') return { ...file, scheduler: { ...asked, kind } };
  const { scheduler, why } = chooseScheduler(asked, file);
  return { ...file, ...(scheduler ? { scheduler } : {}), schedulerChoice: why };
}

/** What the run document says of a search's scheduler. Pure. */
import type { SearchOfFile } from '../contract/pipeline-search.ts';
import type { PopulationScheduler } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { SHAPING } from '../rules/exploration.ts';
import { chooseScheduler } from '../rules/scheduler-choice.ts';

/** What is explored is decided here too: what a checkpoint of the reference trainer fits stays as it is. */
function withMutated(asked: PopulationScheduler, { space, command, image }: SearchOfFile, params: readonly string[]): PopulationScheduler {
  const own = command !== undefined || image !== undefined;
  if (asked.mutate !== undefined || (own && params.length === 0)) return asked;
  // A fork goes on with its parent's data.
  return { ...asked, mutate: Object.keys(space).filter((name) => !params.includes(name) && (own || !SHAPING.includes(name))) };
}

/** `auto` is decided here, so that the run document says what will be done. @param params of the space that are the pipeline's */
export function withScheduler(
  { scheduler: asked, ...file }: SearchOfFile,
  params: readonly string[],
): Omit<SearchOfFile, 'scheduler'> & Pick<SearchSpec, 'scheduler' | 'schedulerChoice'> {
  if (asked === undefined) return file;
  if (asked.kind === 'pbt') return { ...file, scheduler: withMutated(asked, file, params) };
  const { kind } = asked;
  if (kind !== 'auto') return { ...file, scheduler: { ...asked, kind } };
  const { scheduler, why } = chooseScheduler(asked, file);
  return { ...file, ...(scheduler ? { scheduler } : {}), schedulerChoice: why };
}

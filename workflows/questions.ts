/** How much each parameter of a search matters: a question to the sampler, asked by pages and reports whenever someone looks. */
import type { Importance, ImportanceInput } from '../src/contract/search.ts';
import { answering } from './search-policies.ts';

export async function parameterImportance(input: ImportanceInput): Promise<Importance> {
  return answering.importance(input);
}

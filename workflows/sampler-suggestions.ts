/** What a sampler would suggest: asked by `longhaul replay-search`, which plays a recorded search again. */
import type { AskInput, AskResult } from '../src/contract/search.ts';
import { suggesting } from './search-policies.ts';

export async function samplerSuggestions(input: AskInput): Promise<AskResult> {
  return suggesting.ask(input);
}

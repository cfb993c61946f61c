/**
 * What an evaluation calls its tables and jobs: the same for every retry, in letters that every warehouse allows. Of one run alone: what two of them
 * shared, one would remove while the other reads it.
 */
import { digest } from './scorers.ts';

const MAX_STEP_CHARACTERS = 60;

export function evaluationName({ run, step, key }: { readonly run: string; readonly step: string; readonly key: string }): string {
  const readable = step.replaceAll(/[^A-Za-z0-9]+/g, '_').slice(0, MAX_STEP_CHARACTERS);
  return `${readable}_${digest(`${run}\n${step}\n${key}`)}`;
}

/** @param name of the evaluation, then what tells one job of it from the others */
export const predictJobId = (name: string): string => `longhaul-predict-${name}`;
export const ranksJobId = (name: string): string => `longhaul-ranks-${name}`;

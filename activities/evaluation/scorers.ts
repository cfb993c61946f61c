/** Who is evaluated: the model, the baseline, and the exports it is compared with. */
import { createHash } from 'node:crypto';
import type { EvaluationSpec } from '../../src/contract/steps.ts';
import type { Warehouse } from '../../src/ports/index.ts';

export const MODEL = 'model';
const CHAMPION = 'champion';

export interface Candidate {
  readonly scorer: string;
  /** URI of the export. */
  readonly export: string;
}

/** The model first. A pipeline without a champion yet has none to compare with. */
export async function candidatesOf(
  model: string,
  compareWith: readonly string[],
  pipeline: string,
  warehouse: Warehouse,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [{ scorer: MODEL, export: model }];
  for (const other of compareWith) {
    const uri = other === CHAMPION ? await championOf(pipeline, warehouse) : other;
    if (uri === null) continue;
    const name = other === CHAMPION ? CHAMPION : exportName(uri);
    const taken = candidates.some(({ scorer }) => scorer === name);
    candidates.push({ scorer: taken ? `${name} (${digest(uri)})` : name, export: uri });
  }
  return candidates;
}

async function championOf(pipeline: string, warehouse: Warehouse): Promise<string | null> {
  const champions = await warehouse.ledger('models', { pipeline, stage: CHAMPION });
  const uri = champions.at(-1)?.export;
  return typeof uri === 'string' ? uri : null;
}

/** `trees/trial-3/exports/40` of a step's search, by where its trials lie; `trial-3/exports/40` of others; of any other URI the last part. */
export function exportName(uri: string): string {
  const [, step, trial] = /(?:\/([^/]+)\/[0-9a-f]{12}\/(?:[^/]+\/){0,2}|\/)(trial-\d+\/exports\/[^/]+)\/*$/.exec(uri) ?? [];
  if (trial !== undefined) return step === undefined ? trial : `${step}/${trial}`;
  return uri.replace(/\/+$/, '').split('/').at(-1) ?? uri;
}

export const trialOf = (uri: string): number | null => {
  const trial = /\/trial-(\d+)\//.exec(uri)?.[1];
  return trial === undefined ? null : Number(trial);
};

/** Short, and different for different exports: part of names of tables, jobs and models. */
export const digest = (uri: string): string => createHash('sha256').update(uri).digest('hex').slice(0, 12);

/** Its own column of scores, under its own name. */
export const baselineName = (spec: Pick<EvaluationSpec, 'baseline'>): string | null => spec.baseline?.name ?? null;

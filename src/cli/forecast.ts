/**
 * What the cache would answer for each step of a document, for `longhaul plan`. It asks the same code that the workers run, without a claim;
 * a key computed by a second implementation would sooner or later be another key. Hence the imports of workflows and activities here.
 */
import { lookUp } from '../cache/key.ts';
import { bindSpec, referencesOf } from '../rules/bind.ts';
import { outputsOf } from '../contract/outputs.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { Step } from '../contract/steps.ts';
import type { Json, OutputType } from '../contract/values.ts';
import type { OpenPorts } from '../adapters/open.ts';

export interface Forecast {
  readonly step: Step;
  /** cached: done before; run: will do its work; depends: on outputs that are not there yet. */
  readonly what: 'cached' | 'run' | 'depends';
  readonly key: string | null;
  readonly why: string;
  /** Of a cached one. */
  readonly outputs?: Readonly<Record<string, Json>>;
}

/** The searches that would run. */
export const searching = (steps: readonly Forecast[]): string[] =>
  steps.filter(({ step, what }) => step.spec.kind === 'search' && what !== 'cached').map(({ step }) => step.id);

/** What cached steps have made, by step. */
export const madeBefore = (steps: readonly Forecast[]): ReadonlyMap<string, Readonly<Record<string, Json>>> =>
  new Map(steps.flatMap(({ step, outputs }) => (outputs ? [[step.id, outputs] as const] : [])));

export async function forecast(document: RunDocument, ports: OpenPorts): Promise<Forecast[]> {
  const outputs = new Map<string, Readonly<Record<string, Json>>>();
  const specs = new Map(document.steps.map((step) => [step.id, step.spec]));
  const found: Forecast[] = [];
  for (const step of document.steps) {
    const references = referencesOf(step.spec);
    const missing = references.find(({ step: id }) => !outputs.has(id));
    if (missing) {
      found.push({ step, what: 'depends', key: null, why: `on what ${missing.step} makes` });
      continue;
    }
    if (step.spec.kind === 'approval') {
      found.push({ step, what: 'run', key: null, why: 'asks a person' });
      continue;
    }
    const spec = bindSpec(step.spec, { run: 'plan', output: ({ step: id, output }) => outputs.get(id)?.[output] });
    const typed = references.flatMap(({ step: id, output }): { type: OutputType; value: Json }[] => {
      const made = specs.get(id);
      const type = made && outputsOf(made)[output];
      const value = outputs.get(id)?.[output];
      return type && value !== undefined ? [{ type, value }] : [];
    });
    const input = {
      run: 'plan',
      pipeline: document.pipeline,
      profile: document.profile,
      step: { id: step.id, cache: step.cache, spec },
      references: typed,
      startedAt: Date.now(),
      wait: false,
    };
    const answer = await lookUp(ports, input).catch((error: unknown) => ({
      key: null,
      outputs: null,
      why: error instanceof Error ? error.message : String(error),
    }));
    if (answer.outputs) outputs.set(step.id, answer.outputs);
    const why = 'why' in answer ? answer.why : !step.cache ? 'cache: false' : '';
    found.push({
      step,
      what: answer.outputs ? 'cached' : 'run',
      key: answer.key,
      why,
      ...(answer.outputs ? { outputs: answer.outputs } : {}),
    });
  }
  return found;
}

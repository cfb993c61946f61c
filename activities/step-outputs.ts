/** What the Job of a step has written as its outputs, held to the types that the step declares. */
import type { Json, OutputType } from '../src/contract/index.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { failure } from './failures.ts';
import type { StepJobInput } from './step-job-contract.ts';

/** Far above what the step may hand on (activities/steps.ts), far below what hurts. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** One for each attempt, so that an attempt that failed later than it wrote leaves nothing to be mistaken. */
export const outputsUri = (input: StepJobInput): string => `${input.spec.output}/outputs-${input.attempt}.json`;

export async function outputsOfJob(store: ObjectStore, input: StepJobInput): Promise<Record<string, Json>> {
  const { spec } = input;
  const declared = Object.entries(spec.outputs);
  const object = declared.length === 0 ? null : await store.read(outputsUri(input), { maxBytes: MAX_OUTPUT_BYTES });
  if (declared.length > 0 && !object)
    throw failure(
      'InvalidInput',
      `step ${input.step} ended without writing its outputs (${Object.keys(spec.outputs).join(', ')}) to the file named by LONGHAUL_OUTPUTS`,
    );
  const written = object ? parseOutputs(input.step, new TextDecoder().decode(object.data)) : {};
  const checked = declared.map(([name, type]) => {
    const value = written[name];
    if (value === undefined || !hasType(value, type)) {
      throw failure(
        'InvalidInput',
        `step ${input.step}, output ${name}: expected ${type}, found ${value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)}`,
      );
    }
    return [name, value] as const;
  });
  return { ...Object.fromEntries(checked), output: spec.output };
}

function parseOutputs(step: string, text: string): Record<string, Json> {
  try {
    const value = JSON.parse(text) as Json;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Reported below, with what was found.
  }
  throw failure('InvalidInput', `step ${step} wrote outputs that are not one JSON object, found ${text.slice(0, 80)}`);
}

function hasType(value: Json, type: OutputType): boolean {
  switch (type) {
    case 'int':
      return Number.isSafeInteger(value);
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'uri':
      return typeof value === 'string' && /^(gs:\/\/|file:\/\/\/)/.test(value);
    case 'table':
      return typeof value === 'string' && /^[\w-]+(\.[\w-]+){1,2}$/.test(value);
    case 'string':
      return typeof value === 'string';
    case 'json':
      return true;
  }
}

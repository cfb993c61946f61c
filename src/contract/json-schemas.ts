/** The schemas of the contract as JSON Schema, for editors and for other languages. */
import { z } from 'zod';
import { FeatureTable } from './features.ts';
import { ComponentFile, PipelineFile, StepFile } from './pipeline.ts';
import { ForEach } from './pipeline-fields.ts';
import { Resources, TrialResources } from './profile.ts';
import { RunDocument } from './run-document.ts';
import { Budget, Objective, Sampler, Space, StoppingRule } from './search-space.ts';
import { Step } from './steps.ts';
import { Duration } from './unit-fields.ts';
import { BudgetInFile, PolicyInFile, ProfileInFile, ResourcesInFile, TrialResourcesInFile } from './written.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Below these keys of a file, `{templates}` are resolved before the schema is applied. */
const TEMPLATED_SECTIONS = new Set(['steps', 'step', 'onExit', 'budget']);

const REFERENCE: JsonSchema = { type: 'string', pattern: '^\\{.+\\}$', description: 'A reference, e.g. "{params.trials}"' };

/** Written once in a schema and referred to, for they are used in many places. */
const NAMED = {
  Step,
  StepFile,
  FeatureTable,
  Resources,
  ResourcesInFile,
  TrialResources,
  TrialResourcesInFile,
  Budget,
  BudgetInFile,
  Objective,
  Sampler,
  Space,
  StoppingRule,
  Duration,
  ForEach,
};

/** Schema by file name. `run-document` is what workflows take; the others are what people write. */
export function jsonSchemas(): Readonly<Record<string, JsonSchema>> {
  return {
    pipeline: written('Longhaul pipeline', PipelineFile),
    component: written('Longhaul component', ComponentFile),
    profile: published('Longhaul profile', ProfileInFile),
    policy: published('Longhaul policy', PolicyInFile),
    'run-document': published('Longhaul run document', RunDocument),
  };
}

/** Draft 7 is what the editors' YAML support knows best. */
function published(title: string, schema: z.ZodType): JsonSchema {
  for (const [id, named] of Object.entries(NAMED)) z.globalRegistry.add(named, { ...z.globalRegistry.get(named), id });
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  return { $schema, title, ...rest };
}

function written(title: string, schema: z.ZodType): JsonSchema {
  const whole = published(title, schema);
  const map = (schemas: JsonSchema['properties'], chosen: (name: string) => boolean): JsonSchema['properties'] =>
    Object.fromEntries(
      Object.entries(schemas ?? {}).map(([name, each]) => [name, chosen(name) && typeof each === 'object' ? inside(each) : each]),
    );
  return {
    ...whole,
    // The section itself is no value that could be a reference.
    properties: map(whole.properties, (name) => TEMPLATED_SECTIONS.has(name)),
    definitions: map(whole.definitions as JsonSchema['properties'], (name) => Object.hasOwn(NAMED, name)),
  };
}

/** Where a number, switch, list or choice stands, one reference may stand instead. */
function templated(schema: JsonSchema): JsonSchema {
  const { description, ...rest } = inside(schema);
  if (!isRestricted(rest)) return inside(schema);
  const alternatives = rest.anyOf && Object.keys(rest).length === 1 ? rest.anyOf : [rest];
  return { ...(description === undefined ? {} : { description }), anyOf: [...alternatives, REFERENCE] };
}

function inside(schema: JsonSchema): JsonSchema {
  const all = (schemas: readonly JsonSchema[] | undefined): JsonSchema[] | undefined => schemas?.map(inside);
  const value = (each: z.core.JSONSchema._JSONSchema): z.core.JSONSchema._JSONSchema => (typeof each === 'object' ? templated(each) : each);
  return defined({
    ...schema,
    properties: schema.properties && Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, value(each)])),
    additionalProperties: schema.additionalProperties === undefined ? undefined : value(schema.additionalProperties),
    items: schema.items === undefined || Array.isArray(schema.items) ? schema.items : value(schema.items),
    anyOf: all(schema.anyOf),
    oneOf: all(schema.oneOf),
  });
}

/** Not every text is allowed by it already. A constant, e.g. `kind`, tells what the rest is and stays. */
function isRestricted(schema: JsonSchema): boolean {
  if (schema.$ref !== undefined) return schema.$ref.endsWith('/Duration');
  if (schema.const !== undefined || Object.keys(schema).length === 0) return false;
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.every((each) => typeof each === 'object' && (each.const !== undefined || isRestricted(each)));
  if (schema.type === 'object') return schema.properties === undefined;
  return schema.type !== 'string' || schema.enum !== undefined || schema.pattern !== undefined;
}

const defined = (schema: JsonSchema): JsonSchema => Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));

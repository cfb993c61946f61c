/** Fields that several kinds of steps have in the pipeline file. */
import { z } from 'zod';
import { EvaluateSpec } from './steps.ts';
import { Duration } from './unit-fields.ts';
import { Json, Scalar } from './values.ts';
import { ResourcesInFile } from './written.ts';

/**
 * The pipeline file as a person writes it (docs/pipeline.md). Texts may hold `{templates}`; where a number, a switch or a list
 * stands, a text that is exactly one reference (`"{params.trials}"`) may stand instead: templates are resolved before this schema is applied.
 */

export const Variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name: letters, digits and _, not beginning with a digit');
export const Alias = Variable;

export const FilePath = z.string().min(1).describe('Path relative to the file in which it is written');
export const CodePath = z
  .string()
  .min(1)
  .describe('Folder or file of the project that is shipped to where the step runs; .gitignore and .longhaulignore hold');
export const shippedFields = {
  code: CodePath.optional(),
  requirements: z
    .union([FilePath, z.array(z.string().min(1)).min(1)])
    .optional()
    .describe('pip requirements of the code, pinned: path of a file, or the lines; installed once for each content and Python'),
  python: z.string().min(1).optional().describe('Interpreter of the machine or image that runs the code, e.g. /usr/bin/python3'),
};
const Names = z.union([z.string().min(1), z.array(z.string().min(1))]);

export const ForEach = z.union([
  z.record(Variable, z.array(Scalar).min(1)).describe('One variable with its values; of several, every combination'),
  z.array(z.record(Variable, Json)).min(1).describe('One object of variables for each instance'),
]);

export const common = {
  description: z.string().optional(),
  after: Names.optional().describe('Steps that must end first, besides those that are referred to'),
  when: z
    .union([z.string().min(1), z.boolean()])
    .optional()
    .describe('Condition, e.g. steps.evaluate.outputs.ndcg_at_10 > 0.5'),
  forEach: ForEach.optional().describe('One template, many parameters'),
  retry: z.strictObject({ attempts: z.int().min(1).max(100).optional(), backoff: Duration.optional() }).optional(),
  timeout: Duration.optional(),
  cache: z.boolean().optional().describe('false: always run again'),
};

export const Sql = z
  .union([FilePath, z.strictObject({ inline: z.string().min(1) })])
  .describe('Path of a GoogleSQL file, or { inline: "SELECT …" }');

export const CustomMetrics = z.array(Sql).optional().describe('GoogleSQL over {scores}, one row, each column a metric');

export const ScorerInFile = z
  .strictObject({ ...EvaluateSpec.shape.scorer.unwrap().shape, resources: ResourcesInFile.optional() })
  .optional()
  .describe('The Job that scores with a model export: its image and machine');

import { z } from 'zod';

/**
 * Text of a compiled step may still hold `{steps.ID.outputs.NAME}`, `{run}` and `{key}` (the step's cache key, 12 hex digits):
 * the workflow binds them when they are known. A text that is exactly one reference takes the referenced value with its type.
 */
export const Template = z.string();

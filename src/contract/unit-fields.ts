/** Fields of files that hold durations and memory. */
import { z } from 'zod';
import { DURATION, EXPECTED, numberIn, QUANTITY, type Unit } from './units.ts';

export const Duration = z
  .union([z.number().positive(), z.string().regex(DURATION, `${EXPECTED.duration}, or seconds`)])
  .describe('Seconds, or a text such as 30s, 10m, 1h30m, 5d');
const DurationText = z
  .union([z.literal(0), z.string().regex(DURATION, EXPECTED.duration)])
  .describe('A duration such as 30s, 10m, 1h30m, 5d');
const MemoryText = z.string().regex(QUANTITY, EXPECTED.memory).describe('Memory such as 512Mi or 8Gi');

/** A field of which the run document holds a number: written with its unit, or left out. @param inner the field of the run document */
export function inUnits(
  unit: Unit,
  inner: z.ZodType<number | undefined, number | undefined>,
): z.ZodOptional<z.ZodType<number, string | 0>> {
  const written: z.ZodType<string | 0, string | 0> = unit === 'Mi' ? MemoryText : DurationText;
  // The field is there, so that no default is asked for.
  const inDocument = inner as z.ZodType<number, number>;
  return written
    .transform((value) => numberIn(unit, value))
    .pipe(inDocument)
    .optional();
}

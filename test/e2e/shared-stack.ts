/** Projects of their own on the stack that the suite shares: what a test sees of other files is their runs, by other names. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';

/** @returns a new folder where commands and clients find the shared stack, as they find that of a `longhaul dev` above them */
export const projectOnSharedStack = (name: string): string => mkdtempSync(join(inject('stackDirectory'), `${name}-`));

/** Process ids of the shared stack by name; of one that died until it serves again. */
export const sharedPids = (): Readonly<Record<string, number | null>> =>
  JSON.parse(readFileSync(inject('stackProcesses'), 'utf8')) as Record<string, number | null>;

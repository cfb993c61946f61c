import { expect, it } from 'vitest';
import type { StepState } from '../../../src/contract/state.ts';
import { boundedSteps } from '../../../workflows/pipeline/view.ts';

/** Of a payload of Temporal's. */
const MAX_BYTES = 2 * 1024 * 1024;

it.each([
  ['one byte', 'a'],
  ['three bytes', '漢'],
  ['four bytes', '🙂'],
])('the state of a run stays below 2 MiB, also with characters of %s', (_label, character) => {
  const steps = Array.from({ length: 60 }, (_, i) => ({ id: `s${i}`, reason: null, outputs: { note: character.repeat(30_000) } }));
  const bounded = boundedSteps(steps as unknown as StepState[]);
  expect(bounded).toHaveLength(60);
  expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThan(MAX_BYTES);
});

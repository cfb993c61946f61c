/** Texts that people type into dialogs, as values. */

export const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

/** @throws Error with words for the person */
export function numberIn(label: string, text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !Number.isFinite(value)) throw new Error(`${label}: a number is expected`);
  return value;
}

/** @throws Error with words for the person */
export function jsonIn(label: string, text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    throw new Error(`${label}: this is no JSON`);
  }
}

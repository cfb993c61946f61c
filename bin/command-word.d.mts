export const WITH_VALUE: readonly string[];
export function commandWord(args: readonly string[]): string | undefined;
export const WITH_PYTHON: ReadonlySet<string>;

export interface FoundPython {
  readonly executable: string;
  /** `3.11` */
  readonly version: string;
}
export function findPython(minors?: readonly number[]): Promise<FoundPython>;
export function ensureEnvironment(options: {
  readonly what: string;
  readonly name: string;
  readonly requirements: string;
  readonly minors?: readonly number[];
  readonly finish?: (python: string, directory: string) => Promise<void>;
}): Promise<string>;
export function ensurePrograms(options: {
  readonly what: string;
  readonly target: string;
  readonly requirements: string;
  readonly shows: string;
}): Promise<void>;

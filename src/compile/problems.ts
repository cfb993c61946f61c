/** Collects every mistake of a compilation, so that a person fixes them in one go. */
import { InvalidInputError, type Problem } from '../contract/errors.ts';
import type { Place } from './tree.ts';

export interface Details {
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** More at once helps nobody. */
const MAX_PROBLEMS = 100;
const MAX_EARLIER_NAMES = 5;

export class Problems {
  readonly #found = new Map<string, Problem>();
  readonly #earlierNames = new Map<string, { readonly place: string; readonly old: string; readonly now: string }>();

  add(at: Place, path: string, message: string, { expected, found, hint }: Details = {}): void {
    this.addProblem({
      file: at.file,
      ...(at.line === undefined ? {} : { line: at.line }),
      ...(at.column === undefined ? {} : { column: at.column }),
      ...(path === '' ? {} : { path }),
      message,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
      ...(hint === undefined ? {} : { hint }),
    });
  }

  addProblem(problem: Problem): void {
    // forEach instances and users of one component repeat what is wrong with their template.
    const key = JSON.stringify([problem.file, problem.line, problem.column, problem.path, problem.message, problem.found]);
    if (this.#found.size < MAX_PROBLEMS && !this.#found.has(key)) this.#found.set(key, problem);
  }

  /** No mistake: the name is read, and is said to be old. @param now the present name, with the value where that is spelled otherwise too */
  earlierName(at: Place, old: string, now: string): void {
    const place = `${at.file}${at.line === undefined ? '' : `:${at.line}`}`;
    // forEach instances repeat those of their template.
    if (!this.#earlierNames.has(`${place} ${old}`)) this.#earlierNames.set(`${place} ${old}`, { place, old, now });
  }

  /** One line about all earlier names; null where there are none. */
  get earlierNames(): string | null {
    const all = [...this.#earlierNames.values()];
    if (all.length === 0) return null;
    const shown = all.slice(0, MAX_EARLIER_NAMES).map(({ place, old, now }) => `${old} is now \`${now}\` (${place})`);
    const more = all.length > shown.length ? [`and ${all.length - shown.length} more`] : [];
    return `spellings of an earlier version, still read: ${[...shown, ...more].join(', ')}; \`longhaul migrate FILE…\` rewrites them`;
  }

  get any(): boolean {
    return this.#found.size > 0;
  }

  get count(): number {
    return this.#found.size;
  }

  throwIfAny(): void {
    if (!this.any) return;
    const order = [...new Set([...this.#found.values()].map((problem) => problem.file))];
    throw new InvalidInputError(
      [...this.#found.values()].sort(
        (a, b) => order.indexOf(a.file) - order.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
      ),
    );
  }
}

/** `steps` + `dataset` → `steps.dataset` */
export const join = (path: string, ...keys: readonly PropertyKey[]): string =>
  keys.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, path);

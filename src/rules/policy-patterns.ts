/** How the texts of a policy are compared with those of a document. */
import type { Policy, Violation } from '../contract/policy.ts';

/** @param pattern in which `*` stands for any text, also an empty one */
export function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** Itself, or below it as in a folder; a path that climbs is below nothing. */
export function isWithin(pattern: string, path: string): boolean {
  if (path.split('/').includes('..')) return false;
  const folder = pattern.replace(/\/+$/, '');
  return matches(folder, path.replace(/\/+$/, '')) || matches(`${folder}/*`, path);
}

/**
 * An image: what a pattern ends with, `:*` or `@*`, is its tag or digest, of that repository. `train:*` is no server called `train` that listens on
 * some port, from which anybody's image could come.
 */
export function isImage(pattern: string, image: string): boolean {
  if (image.split('/').includes('..')) return false;
  const [, repository = pattern, sign] = /^(.*)([:@])\*$/.exec(pattern) ?? [];
  if (sign === undefined) return matches(pattern, image);
  const [, of = '', tag, digest] = /^(.*?)(:[^/:@]*)?(@[^/@]*)?$/.exec(image) ?? [];
  return matches(repository, of) && (sign === ':' ? tag : digest) !== undefined;
}

type PatternRule = { [K in keyof Policy]-?: Policy[K] extends readonly string[] | undefined ? K : never }[keyof Policy];

/** Nothing where the rule is left out, where nothing is asked for, or where one of the rule's texts allows it. */
export function unless(
  policy: Policy,
  rule: Exclude<PatternRule, 'reservedLabels'>,
  path: string,
  found: string | undefined,
  allows: (pattern: string, text: string) => boolean = matches,
): Violation[] {
  const allowed: readonly string[] | undefined = policy[rule];
  if (allowed === undefined || found === undefined || allowed.some((pattern) => allows(pattern, found))) return [];
  return [{ rule, path, found, allowed }];
}

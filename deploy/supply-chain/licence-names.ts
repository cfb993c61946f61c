/** Licences by their SPDX names, and which of them Longhaul may be made of. */

/** Permissive ones, and the Mozilla licence, whose duties end at the package's own files. */
const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC-BY-4.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'MIT-CMU',
  'MPL-2.0',
  'PSF-2.0',
  'Unlicense',
  'Zlib',
]);

/** As Python packages wrote it before there were expressions. */
const SPDX: Readonly<Record<string, string>> = {
  '3-Clause BSD License': 'BSD-3-Clause',
  'Apache License 2.0': 'Apache-2.0',
  'Apache Software License': 'Apache-2.0',
  'BSD License': 'BSD-3-Clause',
  'MIT License': 'MIT',
  'Mozilla Public License 2.0 (MPL 2.0)': 'MPL-2.0',
};

/** Read in the package itself, whose metadata says nothing. */
const READ: Readonly<Record<string, string>> = { unionfs: 'Unlicense', namex: 'Apache-2.0' };

export function normalise(name: string, text: string | undefined): string | null {
  if (text === undefined) return READ[name] ?? null;
  return SPDX[text] ?? text;
}

/** Of `A OR B` one must be allowed, of `A AND B` both; parentheses from the inside out. */
export function isAllowed(expression: string): boolean {
  const judged = expression.replace(/\(([^()]*)\)/g, (_group, inner: string) => (isAllowed(inner) ? YES : NO));
  if (judged !== expression) return isAllowed(judged);
  return judged.split(' OR ').some((choice) => choice.split(' AND ').every((licence) => licence === YES || ALLOWED.has(licence.trim())));
}
const YES = 'allowed';
const NO = 'refused';

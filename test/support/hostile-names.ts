/** Names that try to end the quotation they are put in, in SQL of any dialect. */
export const HOSTILE: readonly string[] = [
  'a`; DROP TABLE evil; --',
  'a\\`; DROP TABLE evil; --',
  'a"; DROP TABLE evil; --',
  "a'; DROP TABLE evil; --",
  "a\\'; DROP TABLE evil; --",
  'a``; DROP TABLE evil; --',
  'a\\',
  '*/ DROP TABLE evil /*',
  'a} FROM evil; DROP TABLE evil; SELECT {b',
];

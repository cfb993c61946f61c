import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unifiedDiff } from '../../../src/present/unified-diff.ts';

describe('a unified diff', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 30 })
    .map((lines) => lines.map((line) => `${line}\n`).join(''));

  it('is what `patch` makes the other text of', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(applied(before, unifiedDiff(before, after))).toBe(after);
      }),
      { numRuns: 300 },
    );
  });

  it('tells places and three lines around', () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
    const changed = [...lines.slice(0, 9), 'other', ...lines.slice(10), 'more'];
    expect(unifiedDiff(`${lines.join('\n')}\n`, `${changed.join('\n')}\n`)).toEqual([
      '@@ -7,7 +7,7 @@',
      ' line 7',
      ' line 8',
      ' line 9',
      '-line 10',
      '+other',
      ' line 11',
      ' line 12',
      ' line 13',
      '@@ -18,3 +18,4 @@',
      ' line 18',
      ' line 19',
      ' line 20',
      '+more',
    ]);
    expect(unifiedDiff('', 'a\n')).toEqual(['@@ -0,0 +1,1 @@', '+a']);
  });
});

/** As `patch` does it. */
function applied(before: string, diff: readonly string[]): string {
  const lines = before.split('\n').slice(0, -1);
  const found: string[] = [];
  let at = 0;
  for (const line of diff) {
    const [, start, count] = /^@@ -(\d+),(\d+) \+\d+,\d+ @@$/.exec(line) ?? [];
    if (start !== undefined) {
      const first = count === '0' ? Number(start) : Number(start) - 1;
      found.push(...lines.slice(at, first));
      at = first;
    } else if (line.startsWith('+')) found.push(line.slice(1));
    else {
      expect(lines[at]).toBe(line.slice(1));
      if (line.startsWith(' ')) found.push(line.slice(1));
      at++;
    }
  }
  return [...found, ...lines.slice(at)].map((line) => `${line}\n`).join('');
}

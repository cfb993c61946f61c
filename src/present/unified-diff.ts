/** The differences of two texts as a unified diff. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986. Pure. */

const CONTEXT = 3;
/** Of texts that have nothing in common the search would be quadratic: beyond so many edits all is shown as replaced. */
const MOST_EDITS = 4000;

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/**
 * @returns `@@ -1,3 +1,4 @@` and its lines, hunk after hunk; empty for equal texts
 * @example unifiedDiff('a\nb\n', 'a\nc\n') // ['@@ -1,2 +1,2 @@', ' a', '-b', '+c']
 */
export function unifiedDiff(before: string, after: string): string[] {
  return hunks(edits(linesOf(before), linesOf(after)));
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function edits(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  const same = (line: string): Edit => ({ sign: ' ', line });
  return [
    ...before.slice(0, start).map(same),
    ...shortest(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

/** `furthest[k]`: how far into `before` a path on diagonal k comes with so many edits. */
function shortest(before: readonly string[], after: readonly string[]): Edit[] {
  const [n, m] = [before.length, after.length];
  const furthest = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= Math.min(n + m, MOST_EDITS); d++) {
    trace.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1));
      let x = down ? (furthest.get(k + 1) ?? 0) : (furthest.get(k - 1) ?? 0) + 1;
      while (x < n && x - k < m && before[x] === after[x - k]) x++;
      furthest.set(k, x);
      if (x >= n && x - k >= m) return backtrack(before, after, trace);
    }
  }
  return [...before.map((line): Edit => ({ sign: '-', line })), ...after.map((line): Edit => ({ sign: '+', line }))];
}

function backtrack(before: readonly string[], after: readonly string[], trace: readonly ReadonlyMap<number, number>[]): Edit[] {
  const found: Edit[] = [];
  let [x, y] = [before.length, after.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const furthest = trace[d];
    const k = x - y;
    const down = k === -d || (k !== d && (furthest?.get(k - 1) ?? -1) < (furthest?.get(k + 1) ?? -1));
    const fromX = furthest?.get(down ? k + 1 : k - 1) ?? 0;
    const fromY = fromX - (down ? k + 1 : k - 1);
    // From where the edit came in, equal lines were followed.
    const [startX, startY] = d === 0 ? [0, 0] : down ? [fromX, fromY + 1] : [fromX + 1, fromY];
    while (x > startX && y > startY) {
      found.push({ sign: ' ', line: before[x - 1] ?? '' });
      x--;
      y--;
    }
    if (d === 0) break;
    if (down) found.push({ sign: '+', line: after[--y] ?? '' });
    else found.push({ sign: '-', line: before[--x] ?? '' });
  }
  return found.reverse();
}

function hunks(all: readonly Edit[]): string[] {
  const changed = all.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  const ranges: [number, number][] = [];
  for (const index of changed) {
    const last = ranges.at(-1);
    if (last && index - CONTEXT <= last[1]) last[1] = Math.min(all.length, index + CONTEXT + 1);
    else ranges.push([Math.max(0, index - CONTEXT), Math.min(all.length, index + CONTEXT + 1)]);
  }
  return ranges.flatMap(([from, to]) => {
    const count = (sign: '-' | '+', slice: readonly Edit[]): number =>
      slice.filter((edit) => edit.sign === ' ' || edit.sign === sign).length;
    const [head, part] = [all.slice(0, from), all.slice(from, to)];
    const place = (sign: '-' | '+'): string => {
      const [first, lines] = [count(sign, head), count(sign, part)];
      return `${lines === 0 ? first : first + 1},${lines}`;
    };
    return [`@@ -${place('-')} +${place('+')} @@`, ...part.map(({ sign, line }) => `${sign}${line}`)];
  });
}

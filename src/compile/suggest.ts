/** "Did you mean": the nearest of the known names, if one is near. */

const MAX_NAME = 64;

/** Optimal string alignment distance: insertions, deletions, substitutions, swaps of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const at = (of: readonly number[], k: number): number => of[k] ?? Infinity;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1), swapped ? at(before, j - 2) + 1 : Infinity));
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > MAX_NAME) return undefined;
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: { name: string; far: number } | undefined;
  for (const each of known) {
    if (Math.abs(each.length - name.length) > limit) continue;
    const far = distance(name.toLowerCase(), each.toLowerCase());
    if (far <= limit && (!best || far < best.far)) best = { name: each, far };
  }
  return best?.name;
}

/** A hint for an unknown name, or the names that there are. */
export function suggestion(name: string, known: Iterable<string>): { hint?: string; expected?: string } {
  const names = [...known];
  const near = nearestName(name, names);
  if (near !== undefined) return { hint: `did you mean ${near}?` };
  if (names.length === 0) return {};
  const shown = names.slice(0, 20);
  return { expected: `one of ${shown.join(', ')}${names.length > shown.length ? ', …' : ''}` };
}

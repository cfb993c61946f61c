/** Each step after what it depends on; steps that are free keep the order of the file. */

interface Ordered {
  readonly order: readonly string[];
  /** Steps that wait for each other, the first one again at the end; null: none. */
  readonly cycle: readonly string[] | null;
}

export function orderSteps(dependencies: ReadonlyMap<string, readonly string[]>): Ordered {
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  let cycle: readonly string[] | null = null;
  for (const start of dependencies.keys()) {
    // An own stack: a chain of a thousand steps must not end in the runtime's.
    const stack = [{ id: start, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1);
      if (!top) break;
      if (top.next === 0 && state.has(top.id)) {
        stack.pop();
        continue;
      }
      state.set(top.id, 'open');
      const wanted = dependencies.get(top.id)?.[top.next++];
      if (wanted === undefined) {
        state.set(top.id, 'done');
        order.push(top.id);
        stack.pop();
      } else if (state.get(wanted) === 'open') {
        const ids = stack.map(({ id }) => id);
        cycle ??= [...ids.slice(ids.indexOf(wanted)), wanted];
      } else if (!state.has(wanted) && dependencies.has(wanted)) stack.push({ id: wanted, next: 0 });
    }
  }
  return { order, cycle };
}

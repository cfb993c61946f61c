import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StepStatus } from '../../../src/contract/state.ts';
import { decide, isSettled } from '../../../src/rules/dag.ts';
import type { DagNode, DagView } from '../../../src/rules/dag.ts';

const node = (id: string, fields: Partial<DagNode> = {}): DagNode => ({ id, after: [], takes: [], asks: [], ...fields });
const viewOf = (statuses: Record<string, StepStatus>, forgiven: (id: string) => boolean = () => false): DagView => ({
  status: (id) => statuses[id],
  output: (id) => (statuses[id] === 'succeeded' ? 1 : undefined),
  runStatus: null,
  forgiven,
});

describe('decide', () => {
  it('waits for a step that runs', () => {
    expect(decide(node('b', { after: ['a'] }), viewOf({ a: 'running' }))).toBeNull();
  });
  it('blocks at once when one of several inputs failed', () => {
    expect(decide(node('c', { after: ['a', 'b'] }), viewOf({ a: 'running', b: 'failed' }))).toEqual({
      kind: 'block',
      reason: 'it needs b, which failed',
    });
  });
  it('runs after a step that was skipped, unless it takes its output', () => {
    expect(decide(node('b', { after: ['a'] }), viewOf({ a: 'skipped' }))).toEqual({ kind: 'start' });
    expect(decide(node('b', { after: ['a'], takes: ['a'] }), viewOf({ a: 'skipped' }))).toEqual({
      kind: 'skip',
      reason: 'it takes an output of a, which was skipped',
    });
  });
  it('runs after a failure that its condition asks for', () => {
    const when = { op: '==', left: { op: 'ref', ref: 'steps.a.status' }, right: { op: 'value', value: 'failed' } } as const;
    expect(decide(node('b', { after: ['a'], asks: ['a'], when }), viewOf({ a: 'failed' }))).toEqual({ kind: 'start' });
    expect(decide(node('b', { after: ['a'], asks: ['a'], when }), viewOf({ a: 'succeeded' }))?.kind).toBe('skip');
  });
  it('runs after a forgiven failure', () => {
    expect(
      decide(
        node('exit', { after: ['a'] }),
        viewOf({ a: 'failed' }, () => true),
      ),
    ).toEqual({ kind: 'start' });
  });
});

/** Random acyclic graphs: each step comes after some of those before it, and ends in a random way when it is started. */
const graphs = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc.tuple(
    fc.tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.subarray(
          Array.from({ length: index }, (_unused, before) => before),
          { maxLength: Math.min(index, 4) },
        ),
      ),
    ),
    fc.array(fc.constantFrom<StepStatus>('succeeded', 'cached', 'failed'), { minLength: size, maxLength: size }),
    fc.array(fc.boolean(), { minLength: size, maxLength: size }),
    fc.infiniteStream(fc.nat()),
  ),
);

interface Simulation {
  readonly nodes: readonly DagNode[];
  readonly statuses: Record<string, StepStatus>;
  /** Ids in the order in which they started. */
  readonly started: string[];
}

function simulate([dependencies, ends, takes, order]: [number[][], StepStatus[], boolean[], IterableIterator<number>]): Simulation {
  const nodes = dependencies.map((before, index) =>
    node(`s${index}`, { after: before.map((i) => `s${i}`), takes: takes[index] ? before.map((i) => `s${i}`) : [] }),
  );
  const statuses: Record<string, StepStatus> = Object.fromEntries(nodes.map(({ id }) => [id, 'pending']));
  const started: string[] = [];
  for (;;) {
    for (const each of nodes) {
      if (statuses[each.id] !== 'pending') continue;
      const decision = decide(each, viewOf(statuses));
      if (decision?.kind === 'start') {
        for (const id of each.after) expect(isSettled(statuses[id] ?? 'pending')).toBe(true);
        started.push(each.id);
      }
      if (decision) statuses[each.id] = decision.kind === 'start' ? 'running' : decision.kind === 'skip' ? 'skipped' : 'blocked';
    }
    const running = nodes.filter(({ id }) => statuses[id] === 'running');
    const next = running[(order.next().value ?? 0) % Math.max(1, running.length)];
    if (!next) return { nodes, statuses, started };
    statuses[next.id] = ends[nodes.indexOf(next)] ?? 'succeeded';
  }
}

describe('any graph', () => {
  it('ends, whatever fails and in whatever order', () => {
    fc.assert(fc.property(graphs, (graph) => Object.values(simulate(graph as never).statuses).every(isSettled)));
  });

  it('blocks exactly what comes after a failure', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const { nodes, statuses } = simulate(graph as never);
        const unfinished = new Set<string>();
        for (const each of nodes) {
          const blocked = each.after.some((id) => unfinished.has(id));
          expect(statuses[each.id] === 'blocked').toBe(blocked);
          if (blocked || statuses[each.id] === 'failed') unfinished.add(each.id);
        }
      }),
    );
  });

  it('starts every step at most once, and all of them when nothing fails', () => {
    fc.assert(
      fc.property(graphs, ([dependencies, ends, takes, order]) => {
        const { nodes, started } = simulate([dependencies, ends.map(() => 'succeeded'), takes, order] as never);
        expect([...started].sort()).toEqual(nodes.map(({ id }) => id).sort());
      }),
    );
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutDag } from '../../../src/present/charts/dag-layout.ts';
import type { RunGraph } from '../../../src/contract/state.ts';
import { makeRun } from '../../support/run-data.ts';

/** Edges go from lower to higher numbers, so there is no cycle. */
const graphs = fc
  .record({ size: fc.integer({ min: 1, max: 40 }), pairs: fc.array(fc.tuple(fc.nat(39), fc.nat(39)), { maxLength: 80 }) })
  .map(({ size, pairs }): RunGraph => {
    const edges = new Map(
      pairs
        .map(([a, b]) => [Math.min(a % size, b % size), Math.max(a % size, b % size)] as const)
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => [`${a}-${b}`, { from: `s${a}`, to: `s${b}` }]),
    );
    return { nodes: Array.from({ length: size }, (_, at) => ({ id: `s${at}`, kind: 'query', onExit: false })), edges: [...edges.values()] };
  });

describe('the layout of a graph', () => {
  it.each(['right', 'down'] as const)('places every step once, none on another, each after what it depends on (%s)', (direction) => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const layout = layoutDag(graph, { direction });
        const places = new Map(layout.nodes.map((node) => [node.id, node]));
        expect(places.size).toBe(graph.nodes.length);
        expect(layout.edges).toHaveLength(graph.edges.length);
        for (const { from, to } of graph.edges) {
          const [a, b] = [places.get(from)!, places.get(to)!];
          if (direction === 'right') expect(b.x).toBeGreaterThanOrEqual(a.x + layout.nodeWidth);
          else expect(b.y).toBeGreaterThanOrEqual(a.y + layout.nodeHeight);
        }
        for (const [index, a] of layout.nodes.entries()) {
          expect(a.x).toBeGreaterThanOrEqual(0);
          expect(a.y).toBeGreaterThanOrEqual(0);
          expect(a.x + layout.nodeWidth).toBeLessThanOrEqual(layout.width + 0.01);
          expect(a.y + layout.nodeHeight).toBeLessThanOrEqual(layout.height + 0.01);
          for (const b of layout.nodes.slice(index + 1)) {
            const apart = Math.abs(a.x - b.x) >= layout.nodeWidth || Math.abs(a.y - b.y) >= layout.nodeHeight;
            expect(apart, `${a.id} lies on ${b.id}`).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('puts exit steps behind all others and lays out 100 steps', () => {
    const { graph } = makeRun({ moreSteps: 88, stage: 'running', trials: 1 });
    const layout = layoutDag(graph);
    const last = layout.nodes.find(({ id }) => id === 'clean-up')!;
    expect(layout.nodes).toHaveLength(99);
    for (const node of layout.nodes) if (node !== last) expect(node.x).toBeLessThan(last.x);
  });

  it('survives a graph that has a cycle, or edges to nowhere', () => {
    const nodes = ['a', 'b'].map((id) => ({ id, kind: 'query' as const, onExit: false }));
    const edges = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
      { from: 'a', to: 'gone' },
    ];
    expect(layoutDag({ nodes, edges }).nodes).toHaveLength(2);
  });
});

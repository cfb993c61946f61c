/** A run's graph: boxes that are links, lines between them. */
import type { RunState } from '../../contract/state.ts';
import { layoutDag } from '../../present/charts/dag-layout.ts';
import type { PlacedEdge } from '../../present/charts/dag-layout.ts';
import { STATUS_MARKS } from '../../present/charts/dag.ts';
import { between, money } from '../../present/format.ts';
import { reasonAt } from '../../present/waits.ts';
import type { RunView } from '../wire.ts';
import { useMemo } from 'preact/hooks';
import { addressOf, Link } from './router.tsx';

interface Props {
  readonly view: RunView;
  readonly now: number;
}

const MAX_CHARACTERS = 20;
const SMALLEST = 0.7;

export function Dag({ view, now }: Props): preact.JSX.Element {
  const { graph, state, currency } = view;
  const layout = useMemo(() => layoutDag(graph), [graph]);
  const steps = new Map(state.steps.map((step) => [step.id, step]));
  const kinds = new Map(graph.nodes.map((node) => [node.id, node.kind]));
  const { width, height, nodeWidth, nodeHeight } = layout;
  return (
    <div class="dag-scroll" role="region" aria-label="Graph of the steps" tabIndex={0}>
      <svg
        class="dag"
        viewBox={`0 0 ${Math.ceil(width)} ${Math.ceil(height)}`}
        // A little too wide: shrunk to fit. Much too wide: scrolled, since it must stay readable.
        style={{ maxWidth: `${Math.ceil(width)}px`, minWidth: `${Math.ceil(width * SMALLEST)}px` }}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {layout.edges.map((edge) => (
          <path key={`${edge.from}→${edge.to}`} class="edge" d={curve(edge)} marker-end="url(#arrow)" />
        ))}
        {layout.nodes.map(({ id, x, y }) => {
          const step = steps.get(id);
          const status = step?.status ?? 'pending';
          const facts = [kinds.get(id), factOf(step, now, currency)].filter((fact) => fact !== undefined && fact !== '').join(' · ');
          return (
            <Link key={id} to={stepAddress(view, id)}>
              <g class={`node ${status}`} transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}>
                <title>{`${id}: ${status}, ${facts}${step?.reason ? `: ${reasonAt(step, now)}` : ''}`}</title>
                <rect class="box" width={nodeWidth} height={nodeHeight} rx="7" />
                <rect class="stripe" x="0.5" y="7" width="4" height={nodeHeight - 14} rx="2" />
                <text class="name" x="14" y="20">
                  {`${STATUS_MARKS[status]} ${shortened(id)}`}
                </text>
                <text class="fact" x="14" y="37">
                  {facts.slice(0, MAX_CHARACTERS + 8)}
                </text>
              </g>
            </Link>
          );
        })}
      </svg>
    </div>
  );
}

/** A search has a page; any other step a row in the table below. */
export const stepAddress = ({ state, graph }: RunView, id: string): string =>
  graph.nodes.find((node) => node.id === id)?.kind === 'search' ? addressOf.search(state.run, id) : `#${anchorOf(id)}`;

export const anchorOf = (step: string): string => `step-${step}`;

function factOf(step: RunState['steps'][number] | undefined, now: number, currency: string): string {
  if (!step || step.startedAt === null) return step?.status === 'cached' ? 'from cache' : (step?.status ?? '');
  if (step.status === 'cached') return 'from cache';
  const took = between(step.startedAt, step.endedAt, now);
  return step.cost > 0 ? `${took} · ${money(step.cost, currency)}` : took;
}

/** The end of a long name tells more than its middle. */
function shortened(id: string): string {
  if (id.length <= MAX_CHARACTERS) return id;
  const tail = Math.floor(MAX_CHARACTERS / 2) - 1;
  return `${id.slice(0, MAX_CHARACTERS - tail - 1)}…${id.slice(-tail)}`;
}

/** Smooth between layers, straight through them: even points begin a layer. */
function curve({ points }: PlacedEdge): string {
  const at = (x: number, y: number): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  return points
    .map(([x, y], index) => {
      const before = points[index - 1];
      if (!before) return `M${at(x, y)}`;
      if (index % 2 === 0) return `L${at(x, y)}`;
      const half = (before[0] + x) / 2;
      return `C${at(half, before[1])} ${at(half, y)} ${at(x, y)}`;
    })
    .join('');
}

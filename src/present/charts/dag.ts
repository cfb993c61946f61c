/** A run's graph as SVG text. Colours come from classes (`status-failed`), so that a page's style sheet gives them, light or dark. */
import type { RunGraph, RunState, StepState } from '../../contract/state.ts';
import { between, money } from '../format.ts';
import { escapeHtml } from '../html.ts';
import { layoutDag, type DagLayoutOptions, type PlacedEdge } from './dag-layout.ts';

interface DagInput {
  readonly graph: RunGraph;
  readonly run: RunState;
  readonly now: number;
  readonly currency?: string;
  /** Where a node leads; null = no link. */
  readonly href?: (step: string) => string | null;
}

/** Marks tell a status without colour. */
export const STATUS_MARKS: Readonly<Record<StepState['status'], string>> = {
  pending: '·',
  waiting: '◌',
  running: '●',
  succeeded: '✔',
  cached: '⟲',
  skipped: '○',
  failed: '✘',
  cancelled: '✘',
  blocked: '⊘',
};

const CHARACTERS = 20;

/** Style that the SVG needs; variables are those of the page. */
export const DAG_STYLE = `
.dag .edge { fill: none; stroke: var(--faint); stroke-width: 1.5 }
.dag .box { fill: var(--panel); stroke: var(--line); stroke-width: 1 }
.dag .stripe { fill: var(--muted) }
.dag text { fill: var(--text); font-size: 12px }
.dag .name { font-weight: 600 }
.dag .fact { fill: var(--muted); font-size: 11px }
.dag .status-succeeded .stripe, .dag .status-cached .stripe { fill: var(--good) }
.dag .status-failed .stripe, .dag .status-blocked .stripe { fill: var(--bad) }
.dag .status-running .stripe { fill: var(--accent) }
.dag .status-waiting .stripe, .dag .status-cancelled .stripe { fill: var(--warn) }
.dag .status-skipped .box, .dag .status-pending .box { stroke-dasharray: 4 3 }
.dag a:focus .box, .dag a:hover .box { stroke: var(--accent); stroke-width: 2 }
.dag marker path { fill: var(--faint) }`;

/** Below this share of its size it scrolls instead of shrinking. */
const SMALLEST_SCALE = 0.75;

export function dagSvg({ graph, run, now, currency = 'USD', href }: DagInput, options: DagLayoutOptions = {}): string {
  const layout = layoutDag(graph, options);
  const states = new Map(run.steps.map((step) => [step.id, step]));
  const direction = options.direction ?? 'right';
  const edges = layout.edges.map((edge) => `<path class="edge" d="${pathOf(edge, direction)}" marker-end="url(#dag-arrow)"/>`);
  const kinds = new Map(graph.nodes.map((node) => [node.id, node.kind]));
  const nodes = layout.nodes.map(({ id, x, y }) => {
    const state = states.get(id);
    const status = state?.status ?? 'pending';
    const facts = [kinds.get(id) ?? '', state ? factOf(state, now, currency) : ''].filter((fact) => fact !== '').join(' · ');
    const title = `${id}: ${status}, ${facts}${state?.reason ? `: ${state.reason}` : ''}`;
    const body = `<g class="node status-${status}" transform="translate(${x.toFixed(1)} ${y.toFixed(1)})"><title>${escapeHtml(title)}</title><rect class="box" width="${layout.nodeWidth}" height="${layout.nodeHeight}" rx="6"/><rect class="stripe" width="5" height="${layout.nodeHeight}" rx="2"/><text class="name" x="14" y="20">${STATUS_MARKS[status]} ${escapeHtml(shortened(id))}</text><text class="fact" x="14" y="37">${escapeHtml(facts.slice(0, CHARACTERS + 8))}</text></g>`;
    const link = href?.(id) ?? null;
    return link === null ? body : `<a href="${escapeHtml(link)}">${body}</a>`;
  });
  const label = `Graph of ${layout.nodes.length} steps and ${layout.edges.length} dependencies`;
  const narrowest = Math.ceil(layout.width * SMALLEST_SCALE);
  return `<svg class="dag" style="min-width:${narrowest}px" role="group" aria-label="${escapeHtml(label)}" viewBox="0 0 ${Math.ceil(layout.width)} ${Math.ceil(layout.height)}" width="${Math.ceil(layout.width)}" height="${Math.ceil(layout.height)}" xmlns="http://www.w3.org/2000/svg"><defs><marker id="dag-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>${edges.join('')}${nodes.join('')}</svg>`;
}

function factOf(step: StepState, now: number, currency: string): string {
  if (step.status === 'cached') return 'from cache';
  if (step.startedAt === null) return step.status;
  const took = between(step.startedAt, step.endedAt, now);
  return step.cost > 0 ? `${took} · ${money(step.cost, currency)}` : took;
}

/** The end of a long name tells more than its middle. */
function shortened(id: string): string {
  if (id.length <= CHARACTERS) return id;
  const tail = Math.floor(CHARACTERS / 2) - 1;
  return `${id.slice(0, CHARACTERS - tail - 1)}…${id.slice(-tail)}`;
}

/** Smooth between layers, straight through them. */
function pathOf({ points }: PlacedEdge, direction: 'right' | 'down'): string {
  const text = (x: number, y: number): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  return points
    .map(([x, y], index) => {
      const before = points[index - 1];
      if (!before) return `M${text(x, y)}`;
      const [fromX, fromY] = before;
      // Even points begin a layer: the curve lies between it and the layer before.
      if (index % 2 === 0) return `L${text(x, y)}`;
      const [halfX, halfY] = [(fromX + x) / 2, (fromY + y) / 2];
      return direction === 'right'
        ? `C${text(halfX, fromY)} ${text(halfX, y)} ${text(x, y)}`
        : `C${text(fromX, halfY)} ${text(x, halfY)} ${text(x, y)}`;
    })
    .join('');
}

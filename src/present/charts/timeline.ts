/** Gantt chart of steps, trials and attempts. A preemption is a gap: a dashed line from the end of one attempt to the start of the next. */
import type { RunState } from '../../contract/state.ts';
import { duration, money } from '../format.ts';
import { axisOption, baseOption, legendOption, rowZoom, type Chart, type ChartOption } from './chart.ts';
import { seriesColor, statusColor, verdictColor, type ChartTheme } from './theme.ts';
import { timelineRows, type AttemptBar, type Gap, type StepBar } from './timeline-rows.ts';
import type { AttemptView } from './views.ts';

interface TimelineInput {
  readonly run: RunState;
  readonly attempts: readonly AttemptView[];
  /** ms since 1970: how far bars reach that have not ended. */
  readonly now: number;
  readonly currency?: string;
}

/** Rows get thinner before they scroll. */
const MAX_TIMELINE_ROWS = 140;
const rowPixels = (rows: number): number => (rows <= 40 ? 22 : rows <= 80 ? 17 : 13);
const LABEL_FROM_PIXELS = 36;

/** What echarts passes to `renderItem`. */
interface RenderApi {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
  size(extent: readonly [number, number]): [number, number];
}
interface RenderParams {
  readonly dataIndex: number;
  readonly coordSys: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

export function timeline({ run, attempts, now, currency = 'USD' }: TimelineInput, theme: ChartTheme): Chart | null {
  const rows = timelineRows(run, attempts, now);
  if (rows.labels.length === 0) return null;
  const pools = [...new Set(rows.attempts.map(({ attempt }) => attempt.pool))].sort();
  const preemptions = rows.attempts.filter(({ attempt }) => attempt.verdict === 'preempted').length;
  const description = `${rows.steps.length} steps${attempts.length > 0 ? `, ${attempts.length} attempts on ${pools.join(', ')}, ${preemptions} preemptions` : ''}, over ${duration((run.endedAt ?? now) - run.startedAt)}.`;
  const poolColor = (pool: string): string => seriesColor(pools.indexOf(pool), theme);
  const shownRows = Math.min(rows.labels.length, MAX_TIMELINE_ROWS);
  const end = run.endedAt ?? now;
  return {
    title: 'Timeline',
    description,
    minWidth: 520,
    height: 90 + shownRows * rowPixels(rows.labels.length),
    option: {
      ...baseOption(theme, description),
      legend: legendOption(theme, { data: ['steps', ...pools, ...(rows.gaps.length > 0 ? ['between attempts'] : [])] }),
      grid: {
        left: 8,
        right: rows.labels.length > MAX_TIMELINE_ROWS ? 30 : 16,
        top: 36,
        bottom: 8,
        outerBoundsMode: 'same',
        outerBoundsContain: 'axisLabel',
      },
      xAxis: axisOption(theme, {
        type: 'value',
        min: run.startedAt,
        max: Math.max(end, run.startedAt + 1000),
        interval: niceInterval(Math.max(end - run.startedAt, 1000)),
        axisLabel: { formatter: (value: number) => sinceStart(value - run.startedAt), showMaxLabel: false },
      }),
      yAxis: axisOption(theme, {
        type: 'category',
        inverse: true,
        data: rows.labels,
        axisTick: { show: false },
        axisLabel: { color: theme.text, width: 150, overflow: 'truncate', interval: 0, fontSize: rows.labels.length <= 80 ? 12 : 10 },
      }),
      dataZoom: [
        { type: 'inside', xAxisIndex: 0, filterMode: 'weakFilter', zoomOnMouseWheel: 'ctrl' },
        ...rowZoom(rows.labels.length, theme, MAX_TIMELINE_ROWS),
      ],
      series: [
        bars(
          'steps',
          rows.steps.map((bar) => stepItem(bar, end, theme, currency)),
          theme,
          theme.muted,
        ),
        ...pools.map((pool) =>
          bars(
            pool,
            rows.attempts
              .filter(({ attempt }) => attempt.pool === pool)
              .map((bar) => attemptItem(bar, now, theme, poolColor(pool), currency)),
            theme,
            poolColor(pool),
          ),
        ),
        gapSeries(rows.gaps, theme),
      ],
    },
  };
}

interface Item {
  readonly value: readonly [row: number, from: number, to: number];
  readonly fill: string;
  /** Colour of the mark at its end; null = none. */
  readonly cap: string | null;
  readonly label: string;
  readonly text: string;
}

function stepItem({ row, step }: StepBar, end: number, theme: ChartTheme, currency: string): Item {
  const [from, to] = [step.startedAt ?? end, step.endedAt ?? end];
  const facts = [
    step.status,
    duration(to - from),
    ...(step.cost > 0 ? [money(step.cost, currency)] : []),
    ...(step.reason === null ? [] : [step.reason.slice(0, 160)]),
  ];
  return {
    value: [row, from, to],
    fill: statusColor(step.status, theme),
    cap: null,
    label: '',
    text: `${step.id} (${step.kind})\n${facts.join('\n')}`,
  };
}

function attemptItem({ row, attempt }: AttemptBar, now: number, theme: ChartTheme, color: string, currency: string): Item {
  const to = attempt.endedAt ?? now;
  const facts = [
    `${attempt.verdict ?? 'running'}${attempt.cause === null ? '' : `: ${attempt.cause.slice(0, 160)}`}`,
    `${duration(to - attempt.startedAt)} on ${attempt.pool}, ${money(attempt.cost, currency)}`,
    ...(attempt.lostSamples > 0 ? [`${attempt.lostSamples} samples lost`] : []),
  ];
  return {
    value: [row, attempt.startedAt, to],
    fill: color,
    cap: attempt.verdict === null || attempt.verdict === 'succeeded' ? null : verdictColor(attempt.verdict, theme),
    label: String(attempt.trial),
    text: `trial ${attempt.trial}, attempt ${attempt.attempt}\n${facts.join('\n')}`,
  };
}

function bars(name: string, items: readonly Item[], theme: ChartTheme, color: string): ChartOption {
  return {
    type: 'custom',
    name,
    itemStyle: { color },
    encode: { x: [1, 2], y: 0 },
    data: items.map(({ value }) => value),
    tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => items[dataIndex]?.text ?? '' },
    renderItem: (params: RenderParams, api: RenderApi) => {
      const item = items[params.dataIndex];
      const box = boxOf(params, api);
      if (!item || !box) return null;
      const cap = {
        type: 'rect',
        shape: { x: box.x + box.width - 3, y: box.y - 2, width: 3, height: box.height + 4 },
        style: { fill: item.cap ?? 'none' },
      };
      const label = {
        type: 'text',
        silent: true,
        style: { x: box.x + 4, y: box.y + box.height / 2, text: item.label, fill: theme.background, fontSize: 11, verticalAlign: 'middle' },
      };
      return {
        type: 'group',
        children: [
          { type: 'rect', shape: { ...box, r: 2 }, style: { fill: item.fill } },
          ...(item.cap === null ? [] : [cap]),
          ...(item.label !== '' && box.width >= LABEL_FROM_PIXELS ? [label] : []),
        ],
      };
    },
  };
}

/** The bar's rectangle inside the grid; null when it lies outside. At least two pixels wide, or a short step would vanish. */
function boxOf({ coordSys }: RenderParams, api: RenderApi): { x: number; y: number; width: number; height: number } | null {
  const [from, middle] = api.coord([api.value(1), api.value(0)]);
  const [to] = api.coord([api.value(2), api.value(0)]);
  const height = Math.max(4, Math.min(16, api.size([0, 1])[1] * 0.68));
  const [left, right] = [coordSys.x, coordSys.x + coordSys.width];
  if (to < left || from > right || middle < coordSys.y || middle > coordSys.y + coordSys.height) return null;
  const x = Math.max(from, left);
  return { x, y: middle - height / 2, width: Math.max(2, Math.min(to, right) - x), height };
}

function gapSeries(gaps: readonly Gap[], theme: ChartTheme): ChartOption {
  return {
    type: 'custom',
    name: 'between attempts',
    itemStyle: { color: theme.warn },
    encode: { x: [1, 2], y: 0 },
    data: gaps.map(({ row, from, to }) => [row, from, to]),
    tooltip: {
      formatter: ({ dataIndex }: { dataIndex: number }) => {
        const gap = gaps[dataIndex];
        return gap
          ? `trial ${gap.after.trial}: ${gap.after.verdict ?? ''}\n${gap.after.cause ?? ''}\n${duration(gap.to - gap.from)} until the next attempt`
          : '';
      },
    },
    renderItem: (params: RenderParams, api: RenderApi) => {
      const box = boxOf(params, api);
      if (!box) return null;
      const y = box.y + box.height / 2;
      return {
        type: 'line',
        shape: { x1: box.x, x2: box.x + box.width, y1: y, y2: y },
        style: { stroke: theme.warn, lineWidth: 2, lineDash: [3, 3], fill: 'none' },
      };
    },
  };
}

const MINUTE = 60_000;
const INTERVALS = [1, 2, 5, 10, 20, 30]
  .map((seconds) => seconds * 1000)
  .concat([1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080].map((minutes) => minutes * MINUTE));
const MAX_TICKS = 8;

function niceInterval(span: number): number {
  return INTERVALS.find((interval) => span / interval <= MAX_TICKS) ?? Math.ceil(span / MAX_TICKS);
}

/** `+2h 30m` after the start of the run; times of day would be those of the reader's time zone. */
function sinceStart(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return hours % 24 === 0 ? `${days} d` : `${days}d ${hours % 24}h`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours}h ${minutes % 60}m`;
}

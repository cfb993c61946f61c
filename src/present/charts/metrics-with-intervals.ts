/** Offline metrics as forest plots: a point and its confidence interval, one row a model, a pair or a segment. */
import type { LedgerRow } from '../../contract/ledger.ts';
import { intervalAfter } from '../evaluations.ts';
import { brief, count, metric as shown } from '../format.ts';
import { directionOf } from '../directions.ts';
import { axisOption, baseOption, MAX_ROWS, rowZoom, type Chart } from './chart.ts';
import { seriesColor, type ChartTheme } from './theme.ts';
import { numberOf, textOf } from './views.ts';

type Row = LedgerRow<'evaluations'>;

/** The scorer that the evaluation is about. */
const MODEL = 'model';

interface ForestRow {
  readonly label: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Sessions that it rests on. */
  readonly sessions: number | null;
  /** Rows of one group have one colour. */
  readonly group: string;
}

const whole = (row: Row): boolean => (row.segment ?? '') === '' && row.early !== true;

export const metricsOf = (rows: readonly Row[]): string[] => [...new Set(rows.filter(whole).map((row) => String(row.metric)))];
export const segmentsOf = (rows: readonly Row[]): string[] =>
  [...new Set(rows.filter((row) => row.early !== true).flatMap((row) => textOf(row.segment) ?? []))].sort();

/** Each scorer's value of one metric. */
export function metricIntervals(rows: readonly Row[], metric: string, theme: ChartTheme): Chart | null {
  const found = rows
    .filter((row) => whole(row) && row.metric === metric)
    .flatMap((row) => forestRow(row, String(row.scorer), String(row.scorer)));
  const goal = directionOf(metric, rows);
  const better = goal === null ? '' : ` (${goal === 'minimize' ? 'lower' : 'higher'} is better)`;
  return forest(`${metric}${better}`, metric, found, null, theme);
}

/** Paired differences of one metric: the model less each other scorer, over the same sessions. */
export function pairedDifferences(rows: readonly Row[], metric: string, theme: ChartTheme): Chart | null {
  const found = rows.filter((row) => whole(row) && row.metric === metric).flatMap(differenceRow);
  const goal = directionOf(metric, rows);
  const better = goal === null ? '' : ` (${goal === 'minimize' ? 'left' : 'right'} of zero is better)`;
  return forest(`${metric}: paired differences${better}`, metric, found, 0, theme);
}

/** One metric in each value of a segment, a row for each scorer. */
export function metricBySegment(rows: readonly Row[], metric: string, segment: string, theme: ChartTheme): Chart | null {
  const found = rows
    .filter((row) => row.early !== true && row.metric === metric && row.segment === segment)
    .sort((a, b) => String(a.segment_value).localeCompare(String(b.segment_value), 'en', { numeric: true }))
    .flatMap((row) => forestRow(row, `${String(row.segment_value)} · ${String(row.scorer)}`, String(row.scorer)));
  return forest(`${metric} by ${segment}`, metric, found, null, theme);
}

function forestRow(row: Row, label: string, group: string): ForestRow[] {
  const value = numberOf(row.value);
  return value === null
    ? []
    : [{ label, group, value, low: numberOf(row.low), high: numberOf(row.high), sessions: numberOf(row.sessions) }];
}

/** Others are told against the model; here the model is told against them, so the signs turn. */
function differenceRow(row: Row): ForestRow[] {
  const value = numberOf(row.difference);
  const [low, high] = [numberOf(row.difference_low), numberOf(row.difference_high)];
  const other = textOf(row.compared_with);
  const scorer = String(row.scorer);
  if (value === null || other === null || scorer === other || scorer === MODEL) return [];
  const turned = (bound: number | null): number | null => (bound === null ? null : -bound);
  return [
    { label: `${other} − ${scorer}`, group: scorer, value: -value, low: turned(high), high: turned(low), sessions: numberOf(row.sessions) },
  ];
}

interface RenderApi {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
}

function forest(title: string, metric: string, rows: readonly ForestRow[], zero: number | null, theme: ChartTheme): Chart | null {
  if (rows.length === 0) return null;
  const groups = [...new Set(rows.map((row) => row.group))];
  const color = (row: ForestRow | undefined): string => seriesColor(row ? groups.indexOf(row.group) : 0, theme);
  const text = (row: ForestRow): string => `${shown(row.value)}${intervalAfter(row, shown)}`;
  const description = `${title}: ${rows
    .slice(0, 12)
    .map((row) => `${row.label} ${text(row)}`)
    .join('; ')}${rows.length > 12 ? `; and ${rows.length - 12} more` : ''}.`;
  const tooltip = {
    formatter: ({ dataIndex }: { dataIndex: number }) => {
      const row = rows[dataIndex];
      return row ? `${row.label}\n${metric} ${text(row)}${row.sessions === null ? '' : `\n${count(row.sessions)} sessions`}` : '';
    },
  };
  return {
    title,
    description,
    height: 56 + 28 * Math.min(rows.length, MAX_ROWS),
    option: {
      ...baseOption(theme, description),
      grid: {
        left: 8,
        right: rows.length > MAX_ROWS ? 36 : 24,
        top: 8,
        bottom: 8,
        outerBoundsMode: 'same',
        outerBoundsContain: 'axisLabel',
      },
      xAxis: axisOption(theme, {
        type: 'value',
        scale: true,
        axisLabel: { formatter: (value: number) => brief(value), showMinLabel: false, showMaxLabel: false },
        ...boundsOf(rows, zero),
      }),
      yAxis: axisOption(theme, {
        type: 'category',
        inverse: true,
        data: rows.map((row) => row.label),
        axisTick: { show: false },
        axisLabel: { color: theme.text, width: 170, overflow: 'truncate', interval: 0 },
      }),
      dataZoom: rowZoom(rows.length, theme),
      series: [
        {
          type: 'custom',
          data: rows.map((row, index) => [index, row.low ?? row.value, row.high ?? row.value]),
          encode: { x: [1, 2], y: 0 },
          silent: true,
          z: 2,
          renderItem: ({ dataIndex }: { dataIndex: number }, api: RenderApi) => {
            const [from, y] = api.coord([api.value(1), api.value(0)]);
            const [to] = api.coord([api.value(2), api.value(0)]);
            const style = { stroke: color(rows[dataIndex]), lineWidth: 2, fill: 'none' };
            const line = (x1: number, y1: number, x2: number, y2: number): object => ({ type: 'line', shape: { x1, y1, x2, y2 }, style });
            return { type: 'group', children: [line(from, y, to, y), line(from, y - 5, from, y + 5), line(to, y - 5, to, y + 5)] };
          },
        },
        {
          type: 'scatter',
          z: 3,
          symbol: 'rect',
          symbolSize: 10,
          data: rows.map((row, index) => ({ value: [row.value, index], itemStyle: { color: color(row) } })),
          tooltip,
          ...(zero === null
            ? {}
            : {
                markLine: {
                  silent: true,
                  symbol: 'none',
                  label: { show: false },
                  lineStyle: { color: theme.muted, type: 'dashed' },
                  data: [{ xAxis: zero }],
                },
              }),
        },
      ],
    },
  };
}

/** The whole of each interval, zero where differences are shown, and a little room. */
function boundsOf(rows: readonly ForestRow[], zero: number | null): { min: number; max: number } {
  const values = [...rows.flatMap((row) => [row.value, row.low ?? row.value, row.high ?? row.value]), ...(zero === null ? [] : [zero])];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return { min: low - room, max: high + room };
}

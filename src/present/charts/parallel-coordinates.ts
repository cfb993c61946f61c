/** Parallel coordinates: one line a trial through all its parameters to its objective. */
import type { Space } from '../../contract/search-space.ts';
import type { Json } from '../../contract/values.ts';
import { brief, metric as shown } from '../format.ts';
import { baseOption, FONT, type Chart } from './chart.ts';
import type { ChartTheme } from './theme.ts';
import type { TrialView } from './views.ts';

interface ParallelCoordinatesInput {
  readonly trials: readonly TrialView[];
  /** Names of the objective's metric. */
  readonly metric: string;
  readonly goal: 'maximize' | 'minimize';
  /** Tells which axes are logarithmic; without it the values decide. */
  readonly space?: Space;
}

interface Axis {
  readonly name: string;
  readonly type: 'value' | 'log' | 'category';
  readonly categories: readonly string[];
}

/** A logarithmic axis is worth it from this ratio of values on. */
const LOG_RATIO = 50;

export function parallelCoordinates({ trials, metric, goal, space }: ParallelCoordinatesInput, theme: ChartTheme): Chart | null {
  const done = trials.filter((trial) => trial.objective !== null);
  if (done.length === 0) return null;
  const names = [...new Set(done.flatMap((trial) => Object.keys(trial.parameters)))];
  const axes = names.flatMap((name) => axisOf(name, done, space));
  if (axes.length === 0) return null;
  const values = done.map((trial) => trial.objective ?? 0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const description = `${done.length} trials through ${axes.map((axis) => axis.name).join(', ')} to ${metric} (${goal}). The colour tells ${metric}.`;
  return {
    title: 'Parallel coordinates',
    description,
    height: 392,
    minWidth: 100 * (axes.length + 1),
    option: {
      ...baseOption(theme, description),
      parallel: {
        left: 40,
        right: 60,
        top: 52,
        bottom: 60,
        parallelAxisDefault: {
          nameTextStyle: { color: theme.text, fontSize: 12, lineHeight: 14 },
          axisLine: { lineStyle: { color: theme.muted } },
          axisTick: { lineStyle: { color: theme.muted } },
          axisLabel: {
            color: theme.text,
            fontFamily: FONT,
            textBorderColor: theme.background,
            textBorderWidth: 3,
            formatter: (value: number | string) => (typeof value === 'number' ? brief(value) : value),
          },
          areaSelectStyle: { width: 16, color: theme.accent, borderColor: theme.accent, opacity: 0.3 },
        },
      },
      parallelAxis: [
        ...axes.map((axis, dim) => ({
          dim,
          name: axisName(axis.name),
          type: axis.type,
          ...(axis.type === 'category' ? { data: axis.categories } : { scale: true }),
        })),
        { dim: axes.length, name: axisName(metric), type: 'value', scale: true },
      ],
      visualMap: {
        type: 'continuous',
        dimension: axes.length,
        min: low,
        max: high > low ? high : low + 1,
        calculable: false,
        orient: 'horizontal',
        left: 'center',
        bottom: 4,
        itemHeight: 160,
        text: [shown(high), shown(low)],
        textStyle: { color: theme.muted },
        inRange: { color: theme.scale },
      },
      series: [
        {
          type: 'parallel',
          lineStyle: { width: 1.5, opacity: done.length > 60 ? 0.55 : 0.8 },
          emphasis: { lineStyle: { width: 4, opacity: 1 } },
          data: done.map((trial) => ({
            name: `trial ${trial.trial}`,
            value: [...axes.map((axis) => coordinate(axis, trial.parameters[axis.name])), trial.objective],
          })),
          tooltip: {
            formatter: ({ dataIndex }: { dataIndex: number }) => {
              const trial = done[dataIndex];
              return trial
                ? [
                    `trial ${trial.trial}: ${metric} ${shown(trial.objective)}`,
                    ...axes.map(({ name }) => `${name} ${label(trial.parameters[name])}`),
                  ].join('\n')
                : '';
            },
          },
        },
      ],
    },
  };
}

/** Parameters that have one value in all trials say nothing. */
function axisOf(name: string, trials: readonly TrialView[], space: Space | undefined): Axis[] {
  const values = trials.map((trial) => trial.parameters[name]).filter((value) => value !== undefined);
  if (new Set(values.map((value) => JSON.stringify(value))).size < 2 && trials.length > 1) return [];
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length < values.length || space?.[name]?.type === 'categorical') {
    const sorted = [...values].sort(compare);
    return [{ name, type: 'category', categories: [...new Set(sorted.map(label))] }];
  }
  const parameter = space?.[name];
  const declared = parameter === undefined ? null : parameter.log;
  const positive = numbers.every((value) => value > 0);
  const wide = positive && Math.max(...numbers) / Math.min(...numbers) >= LOG_RATIO;
  return [{ name, type: positive && (declared ?? wide) ? 'log' : 'value', categories: [] }];
}

const LONGEST_LINE = 14;

/** In two lines where it is long: names stand side by side, and the last one before the edge. */
export function axisName(name: string): string {
  const [first = '', ...rest] = name.split(/(?<=[_./-])/).reduce<string[]>((lines, part) => {
    const last = lines.at(-1);
    return last !== undefined && last.length + part.length <= LONGEST_LINE ? [...lines.slice(0, -1), last + part] : [...lines, part];
  }, []);
  const cut = (line: string): string => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line);
  return rest.length === 0 ? cut(first) : `${cut(first)}\n${cut(rest.join(''))}`;
}

function compare(a: Json, b: Json): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : label(a).localeCompare(label(b), 'en', { numeric: true });
}

const coordinate = (axis: Axis, value: Json | undefined): number | string | null =>
  value === undefined ? null : axis.type === 'category' ? label(value) : typeof value === 'number' ? value : null;

const label = (value: Json | undefined): string =>
  value === undefined ? '–' : typeof value === 'number' ? shown(value) : typeof value === 'string' ? value : JSON.stringify(value);

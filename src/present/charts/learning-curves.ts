/** Learning curves: the best trials in colour, all others behind them. */
import { brief, short, count, metric as shown } from '../format.ts';
import type { MetricConstraint } from '../../contract/search-space.ts';
import { mayBeBest } from '../search-findings.ts';
import { axisOption, baseOption, legendOption, xName, type Chart } from './chart.ts';
import { seriesColor, type ChartTheme } from './theme.ts';
import { ranked, type CurvePoint, type TrialView } from './views.ts';

interface LearningCurvesInput {
  readonly trials: readonly TrialView[];
  readonly points: readonly CurvePoint[];
  readonly metric: string;
  /** Of the search's objective, by which trials are the best, whatever is shown of them. */
  readonly goal: 'maximize' | 'minimize';
  /** Of the search: a trial that breaks one is not among the best. */
  readonly constraints?: readonly MetricConstraint[];
  /** Trials to highlight; otherwise the best ones. */
  readonly highlight?: readonly number[];
}

/** As many as there are colours that can be told apart. */
const HIGHLIGHTED = 6;
/** More marks than this hide their line. */
const MAX_SYMBOLS = 30;

export function learningCurves(
  { trials, points, metric, goal, constraints = [], highlight }: LearningCurvesInput,
  theme: ChartTheme,
): Chart | null {
  const curves = byTrial(points, metric);
  if (curves.size === 0) return null;
  const best =
    highlight ??
    ranked(
      trials.filter((trial) => mayBeBest(trial, constraints)),
      goal,
    )
      .map((trial) => trial.trial)
      .filter((trial) => curves.has(trial))
      .slice(0, HIGHLIGHTED);
  const front = best.length > 0 ? best.filter((trial) => curves.has(trial)) : [...curves.keys()].slice(0, HIGHLIGHTED);
  const names = front.map(nameOf);
  const behind = [...curves].filter(([trial]) => !front.includes(trial));
  const description =
    `${metric} of ${curves.size} trials by samples trained on` +
    (front.length === 0 ? '.' : `; in colour ${names.join(', ')}. A diamond marks a point after a preemption or restart.`);
  return {
    title: `Learning curves: ${metric}`,
    description,
    height: 380,
    option: {
      ...baseOption(theme, description),
      grid: { left: 8, right: 20, top: 40, bottom: 36, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      legend: legendOption(theme, { data: names }),
      xAxis: axisOption(theme, {
        type: 'value',
        ...xName('samples'),
        axisLabel: { formatter: (value: number) => short(value) },
      }),
      yAxis: axisOption(theme, { type: 'value', scale: true, axisLabel: { formatter: (value: number) => brief(value) } }),
      dataZoom: [{ type: 'inside', xAxisIndex: 0, zoomOnMouseWheel: 'ctrl' }],
      series: [
        ...behind.map(([trial, curve]) => seriesOf(trial, curve, metric, theme.faint, false)),
        ...front.map((trial, index) => seriesOf(trial, curves.get(trial) ?? [], metric, seriesColor(index, theme), true)),
      ],
    },
  };
}

const nameOf = (trial: number): string => `trial ${trial}`;

function byTrial(points: readonly CurvePoint[], metric: string): Map<number, CurvePoint[]> {
  const found = new Map<number, CurvePoint[]>();
  for (const point of points) {
    if (typeof point.metrics[metric] !== 'number') continue;
    const curve = found.get(point.trial) ?? [];
    curve.push(point);
    found.set(point.trial, curve);
  }
  return found;
}

function seriesOf(trial: number, curve: readonly CurvePoint[], metric: string, color: string, highlighted: boolean): object {
  const data = curve.map((point, index) => {
    const resumed = index > 0 && curve[index - 1]?.attempt !== point.attempt;
    return {
      value: [point.samples, point.metrics[metric]],
      ...(resumed ? { symbol: 'diamond', symbolSize: highlighted ? 10 : 6 } : {}),
    };
  });
  return {
    type: 'line',
    name: nameOf(trial),
    data,
    symbol: 'circle',
    symbolSize: highlighted ? 5 : 3,
    showSymbol: (highlighted && curve.length <= MAX_SYMBOLS) || curve.length === 1,
    lineStyle: { width: highlighted ? 2 : 1, color, opacity: highlighted ? 1 : 0.55 },
    itemStyle: { color },
    z: highlighted ? 3 : 2,
    emphasis: { focus: 'series', lineStyle: { width: 3 } },
    triggerEvent: true,
    tooltip: {
      formatter: ({ dataIndex }: { dataIndex?: number }) => {
        const point = dataIndex === undefined ? undefined : curve[dataIndex];
        if (!point) return nameOf(trial);
        return `${nameOf(trial)}, attempt ${point.attempt}\n${metric} ${shown(point.metrics[metric])}\n${count(point.samples)} samples, epoch ${point.epoch}`;
      },
    },
  };
}

/** Two values of each trial against each other, and the trials that no other one beats in both. */
import type { MetricConstraint } from '../../contract/search-space.ts';
import { kneeOf } from '../../rules/best-trials.ts';
import { canBeBest } from '../search-findings.ts';
import { brief, metric as shown, money } from '../format.ts';
import { axisOption, baseOption, legendOption, xName, type Chart } from './chart.ts';
import type { ChartTheme } from './theme.ts';
import { valueOf, type TrialView } from './views.ts';

export interface Direction {
  /** A metric, a parameter, `cost` or `seconds`. */
  readonly metric: string;
  readonly goal: 'maximize' | 'minimize';
}

/** What a trial took, beside which its quality stands: money, or time where the machines cost nothing. */
export const effortOf = (trials: readonly Pick<TrialView, 'cost'>[]): Direction => ({
  metric: trials.every(({ cost }) => cost === 0) ? 'seconds' : 'cost',
  goal: 'minimize',
});

interface ParetoInput {
  readonly trials: readonly TrialView[];
  /** Metric that `TrialView.objective` holds. */
  readonly objective: string;
  readonly x: Direction;
  readonly y: Direction;
  readonly currency?: string;
  /** Those that break one are shown, and are not on the front. */
  readonly constraints?: readonly MetricConstraint[];
}

interface Point {
  readonly trial: TrialView;
  readonly x: number;
  readonly y: number;
}

export function paretoFront({ trials, objective, x, y, currency = 'USD', constraints = [] }: ParetoInput, theme: ChartTheme): Chart | null {
  const points = trials.flatMap((trial): Point[] => {
    const [a, b] = [valueOf(trial, x.metric, objective), valueOf(trial, y.metric, objective)];
    return a === null || b === null || trial.status === 'failed' ? [] : [{ trial, x: a, y: b }];
  });
  if (points.length === 0) return null;
  const front = unbeaten(
    points.filter((point) => canBeBest(point.trial, constraints)),
    x.goal,
    y.goal,
  );
  const others = points.filter((point) => !front.includes(point));
  const description = `${y.metric} (${y.goal}) against ${x.metric} (${x.goal}) of ${points.length} trials; on the front: ${front.map(({ trial }) => `trial ${trial.trial}`).join(', ')}${kneeIn(front, x, y)}.`;
  const label = (direction: Direction, value: number): string => (direction.metric === 'cost' ? money(value, currency) : shown(value));
  const tick = (direction: Direction) => (value: number) => (direction.metric === 'cost' ? money(value, currency) : brief(value));
  const tooltip = (of: readonly Point[]) => ({
    formatter: ({ dataIndex }: { dataIndex: number }) => {
      const point = of[dataIndex];
      return point
        ? `trial ${point.trial.trial}, ${point.trial.status}\n${y.metric} ${label(y, point.y)}\n${x.metric} ${label(x, point.x)}`
        : '';
    },
  });
  return {
    title: 'Pareto front',
    description,
    height: 360,
    option: {
      ...baseOption(theme, description),
      legend: legendOption(theme, { data: ['front', 'other trials'], left: 'auto', right: 8 }),
      grid: { left: 8, right: 24, top: 40, bottom: 36, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: axisOption(theme, {
        type: 'value',
        scale: true,
        ...xName(x.metric),
        axisLabel: { formatter: tick(x) },
      }),
      yAxis: axisOption(theme, {
        type: 'value',
        scale: true,
        name: y.metric,
        nameLocation: 'end',
        nameTextStyle: { align: 'left', color: theme.muted },
        axisLabel: { formatter: tick(y) },
      }),
      series: [
        {
          type: 'scatter',
          name: 'other trials',
          symbol: 'circle',
          symbolSize: 7,
          itemStyle: { color: theme.muted, opacity: 0.7 },
          data: others.map((point) => [point.x, point.y]),
          tooltip: tooltip(others),
        },
        {
          type: 'line',
          name: 'front',
          symbol: 'diamond',
          symbolSize: 11,
          lineStyle: { color: theme.accent, type: 'dashed', width: 1.5 },
          itemStyle: { color: theme.accent },
          data: front.map((point) => [point.x, point.y]),
          label: {
            show: front.length <= 12,
            position: 'top',
            color: theme.text,
            formatter: ({ dataIndex }: { dataIndex: number }) => String(front[dataIndex]?.trial.trial ?? ''),
          },
          labelLayout: { hideOverlap: true },
          tooltip: tooltip(front),
        },
      ],
    },
  };
}

/** Sorted by x. A sweep from the best x: each point that improves on the best y so far is unbeaten. */
function unbeaten(points: readonly Point[], goalX: Direction['goal'], goalY: Direction['goal']): Point[] {
  const sign = (goal: Direction['goal']): number => (goal === 'maximize' ? -1 : 1);
  const sorted = [...points].sort((a, b) => sign(goalX) * (a.x - b.x) || sign(goalY) * (a.y - b.y) || a.trial.trial - b.trial.trial);
  const front: Point[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const point of sorted) {
    const y = sign(goalY) * point.y;
    if (y >= best) continue;
    best = y;
    front.push(point);
  }
  return front.sort((a, b) => a.x - b.x);
}

function kneeIn(front: readonly Point[], x: Direction, y: Direction): string {
  const candidates = front.map((point) => ({ trial: point.trial.trial, values: [point.x, point.y] }));
  const knee = kneeOf(candidates, [x, y]);
  return knee === null ? '' : `; its knee is trial ${knee}`;
}

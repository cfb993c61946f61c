/** Offline metrics of exports while training goes on (early evaluation), with their intervals. */
import type { LedgerRow } from '../../contract/ledger.ts';
import { intervalAfter } from '../evaluations.ts';
import { brief, count, short, metric as shown } from '../format.ts';
import { axisOption, baseOption, legendOption, xName, type Chart } from './chart.ts';
import { seriesColor, type ChartTheme } from './theme.ts';
import { numberOf } from './views.ts';

interface OfflineQualityInput {
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
  /** The search whose exports were evaluated. */
  readonly step: string;
  readonly metric: string;
}

interface Point {
  readonly samples: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** The scorer that is the export itself; a baseline beside it does not learn. */
const MODEL = 'model';
/** Bands of more trials hide each other. */
const MAX_BANDS = 3;

export function offlineQuality({ evaluations, step, metric }: OfflineQualityInput, theme: ChartTheme): Chart | null {
  const curves = curvesOf(evaluations, step, metric);
  if (curves.size === 0) return null;
  const description = `${metric} on the test set by samples trained on, of the models of ${curves.size} trials while they trained.`;
  const names = [...curves.keys()].map((trial) => `trial ${trial}`);
  return {
    title: `Offline quality over training time: ${metric}`,
    description,
    height: 340,
    option: {
      ...baseOption(theme, description),
      legend: legendOption(theme, { data: names }),
      grid: { left: 8, right: 20, top: 40, bottom: 36, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: axisOption(theme, {
        type: 'value',
        scale: true,
        ...xName('samples'),
        axisLabel: { formatter: (value: number) => short(value) },
      }),
      yAxis: axisOption(theme, { type: 'value', scale: true, axisLabel: { formatter: (value: number) => brief(value) } }),
      series: [...curves].flatMap(([trial, points], index) =>
        seriesOf(trial, points, seriesColor(index, theme), index < MAX_BANDS, metric),
      ),
    },
  };
}

/** Metrics of which there are early evaluations. */
export function offlineMetrics(evaluations: readonly LedgerRow<'evaluations'>[], step: string): string[] {
  const names = evaluations.filter((row) => row.early === true && row.step === step).map((row) => String(row.metric));
  return [...new Set(names)].sort();
}

function curvesOf(evaluations: OfflineQualityInput['evaluations'], step: string, metric: string): Map<number, Point[]> {
  const found = new Map<number, Point[]>();
  for (const row of evaluations) {
    const [samples, value] = [numberOf(row.samples), numberOf(row.value)];
    if (row.early !== true || row.step !== step || row.metric !== metric || (row.segment ?? '') !== '') continue;
    if (samples === null || value === null || row.scorer !== MODEL) continue;
    const points = found.get(Number(row.trial)) ?? [];
    points.push({ samples, value, low: numberOf(row.low), high: numberOf(row.high) });
    found.set(Number(row.trial), points);
  }
  for (const points of found.values()) points.sort((a, b) => a.samples - b.samples);
  return new Map([...found].sort(([a], [b]) => a - b));
}

function seriesOf(trial: number, points: readonly Point[], color: string, band: boolean, metric: string): object[] {
  const name = `trial ${trial}`;
  const line = {
    type: 'line',
    name,
    symbolSize: 6,
    lineStyle: { color, width: 2 },
    itemStyle: { color },
    data: points.map((point) => [point.samples, point.value]),
    tooltip: {
      formatter: ({ dataIndex }: { dataIndex: number }) => {
        const point = points[dataIndex];
        if (!point) return name;
        return `${name}\n${metric} ${shown(point.value)}${intervalAfter(point, shown)}\n${count(point.samples)} samples`;
      },
    },
  };
  if (!band || points.some((point) => point.low === null || point.high === null)) return [line];
  // A band is two stacked lines: the lower bound, unseen, and the width above it.
  const part = {
    type: 'line',
    name,
    stack: `band-${trial}`,
    stackStrategy: 'all',
    symbol: 'none',
    silent: true,
    lineStyle: { opacity: 0 },
  };
  return [
    { ...part, data: points.map((point) => [point.samples, point.low]) },
    {
      ...part,
      areaStyle: { color, opacity: 0.15 },
      data: points.map((point) => [point.samples, (point.high ?? 0) - (point.low ?? 0)]),
    },
    line,
  ];
}

/** Money by month, in layers of pipelines or teams. */
import { money } from '../format.ts';
import type { Spending, SpendingPart } from '../overview.ts';
import { axisOption, baseOption, legendOption, type Chart } from './chart.ts';
import type { ChartTheme } from './theme.ts';

/** The dearest ones; what is left is one more layer. */
const LAYERS = 7;
const OTHERS = 'others';

/** @param rows of one currency */
export function spendingChart(
  rows: readonly Spending[],
  by: Exclude<SpendingPart, 'month'>,
  currency: string,
  theme: ChartTheme,
): Chart | null {
  if (rows.length === 0) return null;
  const amount = (value: number): string => money(value, currency);
  const months = monthsBetween(rows.map(({ month }) => month));
  const nameOf = (row: Spending): string => row[by] ?? 'no team';
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(nameOf(row), (totals.get(nameOf(row)) ?? 0) + row.cost);
  const dearest = [...totals].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const layers = dearest.length > LAYERS + 1 ? [...dearest.slice(0, LAYERS), OTHERS] : dearest;
  const sumOf = (layer: string, month: string): number =>
    rows
      .filter((row) => row.month === month && (layers.includes(nameOf(row)) ? nameOf(row) : OTHERS) === layer)
      .reduce((sum, { cost }) => sum + cost, 0);
  const monthly = months.map((month) => `${month} ${amount(layers.reduce((sum, layer) => sum + sumOf(layer, month), 0))}`);
  const description = `Spent by month: ${monthly.join(', ')}.`;
  return {
    title: 'Money by month',
    description,
    height: 280,
    option: {
      ...baseOption(theme, description),
      tooltip: {
        ...(baseOption(theme, '').tooltip as object),
        trigger: 'axis',
        axisPointer: { type: 'shadow' },
        valueFormatter: (value: unknown) => (typeof value === 'number' ? amount(value) : ''),
      },
      legend: legendOption(theme, { data: layers }),
      grid: { left: 8, right: 24, top: 40, bottom: 8, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: axisOption(theme, { type: 'category', data: months }),
      yAxis: axisOption(theme, { type: 'value', min: 0, axisLabel: { formatter: amount } }),
      series: layers.map((layer, index) => ({
        type: 'bar',
        stack: 'money',
        name: layer,
        barMaxWidth: 48,
        data: months.map((month) => sumOf(layer, month)),
        itemStyle: { color: layer === OTHERS ? theme.faint : theme.series[index % theme.series.length] },
      })),
    },
  };
}

/** Months without any spending too. */
function monthsBetween(months: readonly string[]): string[] {
  const [first = '', ...more] = [...months].sort();
  const last = more.at(-1) ?? first;
  const found: string[] = [];
  const date = new Date(`${first}-01T00:00:00Z`);
  for (let month = first; month <= last && month !== ''; month = date.toISOString().slice(0, 7)) {
    found.push(month);
    date.setUTCMonth(date.getUTCMonth() + 1);
  }
  return found;
}

/** How much each parameter matters for the objective, in shares of one. */
import type { Importance } from '../../contract/sampler.ts';
import { axisOption, baseOption, type Chart } from './chart.ts';
import type { ChartTheme } from './theme.ts';

export function importanceChart(importance: Importance, theme: ChartTheme): Chart | null {
  const { parameters, metric, evaluator, trials } = importance;
  if (parameters.length === 0) return null;
  const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
  const description = `Importance for ${metric} (${evaluator === 'fanova' ? 'fANOVA' : 'PED-ANOVA'}, ${trials} trials): ${parameters.map(({ name, importance: share }) => `${name} ${percent(share)}`).join(', ')}.`;
  const upwards = [...parameters].reverse();
  return {
    title: 'Parameter importance',
    description,
    height: 60 + 28 * parameters.length,
    option: {
      ...baseOption(theme, description),
      grid: { left: 8, right: 56, top: 8, bottom: 8, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: axisOption(theme, { type: 'value', min: 0, axisLabel: { formatter: percent } }),
      yAxis: axisOption(theme, {
        type: 'category',
        data: upwards.map(({ name }) => name),
        axisLabel: { width: 140, overflow: 'truncate', color: theme.text },
      }),
      series: [
        {
          type: 'bar',
          barMaxWidth: 18,
          data: upwards.map(({ importance: share }) => share),
          itemStyle: { color: theme.accent },
          label: { show: true, position: 'right', color: theme.text, formatter: ({ value }: { value: number }) => percent(value) },
          tooltip: { formatter: ({ name, value }: { name: string; value: number }) => `${name}\n${percent(value)}` },
        },
      ],
    },
  };
}

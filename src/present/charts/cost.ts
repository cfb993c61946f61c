/** Cost over time: what was paid, what the same machines cost on demand, and where it is heading. */
import { money } from '../format.ts';
import { axisOption, baseOption, legendOption, type Chart } from './chart.ts';
import { costFigures, type CostInput } from './cost-figures.ts';
import type { ChartTheme } from './theme.ts';

interface CostChartInput extends CostInput {
  readonly now: number;
  readonly currency?: string;
}

interface Payment {
  readonly at: number;
  readonly cost: number;
  readonly onDemand: number;
}

const PAID = 'paid';
const ON_DEMAND = 'on demand';
const FORECAST = 'forecast';

export function costChart(input: CostChartInput, theme: ChartTheme): Chart | null {
  const { run, now, currency = 'USD' } = input;
  const payments = paymentsOf(input);
  if (payments.every((payment) => payment.cost === 0 && payment.onDemand === 0)) return null;
  const figures = costFigures(input);
  const amount = (value: number): string => money(value, currency);
  const description = [
    `Spent ${amount(figures.spent)}`,
    ...(run.endedAt === null ? [`forecast ${amount(figures.forecast)}`] : []),
    `saved ${amount(figures.saved)} against on-demand machines`,
    `lost ${amount(figures.lost)} to preemptions and crashes`,
    ...(figures.budget === null ? [] : [`budget ${amount(figures.budget)}`]),
  ].join(', ');
  const paid = cumulative(run.startedAt, payments, (payment) => payment.cost);
  const onDemand = cumulative(run.startedAt, payments, (payment) => payment.onDemand);
  const last = paid.at(-1) ?? [run.startedAt, 0];
  const ahead = run.endedAt === null ? forecastLine(last, now, run.startedAt, figures.spent, figures.forecast) : [];
  const line = (name: string, data: readonly (readonly number[])[], color: string, type: string): object => ({
    type: 'line',
    name,
    step: name === FORECAST ? false : 'end',
    data,
    symbol: 'none',
    lineStyle: { color, type, width: 2 },
    itemStyle: { color },
    ...(name === PAID ? { areaStyle: { color, opacity: 0.12 } } : {}),
  });
  return {
    title: 'Cost over time',
    description: `${description}.`,
    height: 300,
    option: {
      ...baseOption(theme, description),
      tooltip: {
        ...(baseOption(theme, '').tooltip as object),
        trigger: 'axis',
        axisPointer: { type: 'line', label: { show: false } },
        valueFormatter: (value: unknown) => (typeof value === 'number' ? amount(value) : ''),
      },
      legend: legendOption(theme, { data: [PAID, ON_DEMAND, ...(ahead.length > 0 ? [FORECAST] : [])] }),
      grid: { left: 8, right: 24, top: 40, bottom: 8, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: axisOption(theme, { type: 'time' }),
      yAxis: axisOption(theme, { type: 'value', min: 0, axisLabel: { formatter: amount } }),
      series: [
        {
          ...line(PAID, paid, theme.accent, 'solid'),
          ...(figures.budget === null
            ? {}
            : {
                markLine: {
                  silent: true,
                  symbol: 'none',
                  lineStyle: { color: theme.bad },
                  label: { formatter: `budget ${amount(figures.budget)}`, color: theme.text, position: 'insideStartTop' },
                  data: [{ yAxis: figures.budget }],
                },
              }),
        },
        line(ON_DEMAND, onDemand, theme.muted, 'dashed'),
        ...(ahead.length > 0 ? [line(FORECAST, ahead, theme.warn, 'dotted')] : []),
      ],
    },
  };
}

/** An attempt is paid when it ends; a step that is no search likewise. */
function paymentsOf({ run, attempts, now }: CostChartInput): Payment[] {
  const ofAttempts = attempts.map((attempt) => ({
    at: attempt.endedAt ?? now,
    cost: attempt.cost,
    onDemand: attempt.onDemandCost || attempt.cost,
  }));
  const ofSteps = run.steps.flatMap((step) =>
    step.kind === 'search' || step.cost === 0 ? [] : [{ at: step.endedAt ?? now, cost: step.cost, onDemand: step.cost }],
  );
  return [...ofAttempts, ...ofSteps].sort((a, b) => a.at - b.at);
}

function cumulative(start: number, payments: readonly Payment[], of: (payment: Payment) => number): [number, number][] {
  let total = 0;
  return [[start, 0], ...payments.map((payment): [number, number] => [payment.at, (total += of(payment))])];
}

/** At the pace so far. */
function forecastLine(last: readonly number[], now: number, start: number, spent: number, forecast: number): [number, number][] {
  if (forecast <= spent || spent <= 0) return [];
  const pace = (now - start) / spent;
  return [
    [now, last[1] ?? spent],
    [now + (forecast - spent) * pace, forecast],
  ];
}

/** Charts of runs: pure functions from data to options of echarts (or SVG text), for the report in Node and for pages in a browser. */
export { baseOption, type Chart, type ChartOption } from './chart.ts';
export { costChart, type CostChartInput } from './cost.ts';
export { costFigures, type CostFigures, type CostInput } from './cost-figures.ts';
export { DAG_STYLE, dagSvg, STATUS_MARKS, type DagInput } from './dag.ts';
export { layoutDag, type DagLayout, type DagLayoutOptions } from './dag-layout.ts';
export { importanceChart } from './importance.ts';
export { learningCurves, type LearningCurvesInput } from './learning-curves.ts';
export { metricBySegment, metricIntervals, metricsOf, pairedDifferences, segmentsOf } from './metrics-with-intervals.ts';
export { offlineMetrics, offlineQuality, type OfflineQualityInput } from './offline-quality.ts';
export { parallelCoordinates, type ParallelCoordinatesInput } from './parallel-coordinates.ts';
export { paretoFront, type ParetoInput } from './pareto-front.ts';
export { DARK, LIGHT, statusColor, themeOf, verdictColor, type ChartTheme } from './theme.ts';
export { timeline, type TimelineInput } from './timeline.ts';
export * from './views.ts';

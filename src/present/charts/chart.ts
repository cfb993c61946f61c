/** What every chart is: a plain option for echarts, and the same in words for those who do not see it. */
import type { ChartTheme } from './theme.ts';

/** An option of echarts (`setOption`), without a type of theirs so that Node need not load it. */
export type ChartOption = Readonly<Record<string, unknown>>;

export interface Chart {
  readonly title: string;
  /** What it shows, in a sentence or two: text alternative and caption. */
  readonly description: string;
  readonly option: ChartOption;
  /** Height that it needs to be readable, CSS pixels; the width is the container's. */
  readonly height: number;
  /** Width below which it is to scroll sideways instead of shrinking, CSS pixels. */
  readonly minWidth?: number;
}

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** From this many rows on a chart scrolls instead of growing. */
export const MAX_ROWS = 60;

/**
 * Options that all charts share. Tooltips are drawn as text and never as HTML, so that names from outside stay names
 * and a strict content security policy holds.
 */
export function baseOption(theme: ChartTheme, description: string): ChartOption {
  return {
    backgroundColor: 'transparent',
    color: theme.series,
    animation: false,
    textStyle: { color: theme.text, fontFamily: FONT, fontSize: 12 },
    aria: { enabled: true, label: { enabled: true, description } },
    tooltip: tooltipOption(theme),
  };
}

function tooltipOption(theme: ChartTheme): ChartOption {
  return {
    trigger: 'item',
    renderMode: 'richText',
    confine: true,
    backgroundColor: theme.background,
    borderColor: theme.line,
    borderWidth: 1,
    padding: 8,
    textStyle: { color: theme.text, fontFamily: FONT, fontSize: 12, lineHeight: 18 },
  };
}

/** Look of an axis; `type`, `name` and so on come with it. */
export function axisOption(theme: ChartTheme, own: ChartOption = {}): ChartOption {
  const { axisLabel, ...rest } = own as { axisLabel?: ChartOption };
  return {
    axisLine: { lineStyle: { color: theme.line } },
    axisTick: { lineStyle: { color: theme.line } },
    axisLabel: { color: theme.muted, hideOverlap: true, ...axisLabel },
    splitLine: { lineStyle: { color: theme.line, opacity: 0.6 } },
    nameTextStyle: { color: theme.muted, fontSize: 12 },
    ...rest,
  };
}

/** Axis names stand where labels of their own axis do not. */
export const xName = (name: string): ChartOption => ({ name, nameLocation: 'middle', nameGap: 28 });

export function legendOption(theme: ChartTheme, own: ChartOption = {}): ChartOption {
  return {
    type: 'scroll',
    top: 0,
    icon: 'roundRect',
    itemWidth: 16,
    itemHeight: 8,
    textStyle: { color: theme.text },
    pageTextStyle: { color: theme.muted },
    pageIconColor: theme.text,
    pageIconInactiveColor: theme.faint,
    inactiveColor: theme.faint,
    ...own,
  };
}

/** Scrolls a category axis that holds more rows than fit. */
export function rowZoom(rows: number, theme: ChartTheme, most = MAX_ROWS): readonly ChartOption[] {
  if (rows <= most) return [];
  const end = (most / rows) * 100;
  const common = { yAxisIndex: 0, start: 0, end, zoomLock: true, filterMode: 'weakFilter' };
  return [
    {
      ...common,
      type: 'slider',
      width: 14,
      right: 4,
      brushSelect: false,
      showDetail: false,
      borderColor: theme.line,
      fillerColor: `${theme.faint}55`,
      handleSize: 0,
    },
    { ...common, type: 'inside', zoomOnMouseWheel: false, moveOnMouseWheel: false, moveOnMouseMove: true },
  ];
}

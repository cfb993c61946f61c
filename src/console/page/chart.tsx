/** A chart of `src/present/charts` on the page: drawn when it comes into view, with its description for those who do not see it. */
import type { EChartsType } from 'echarts/core';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Chart, ChartOption } from '../../present/charts/chart.ts';
import type { ChartTheme } from '../../present/charts/theme.ts';
import { useStore } from './store.ts';
import { theme } from './theme.ts';

interface Props {
  readonly make: (theme: ChartTheme) => Chart | null;
  /** What `make` depends on: the chart is made anew when one of them changes. */
  readonly of: readonly unknown[];
  /** Scrolls sideways where there is less room, CSS pixels. */
  readonly minWidth?: number;
  /** Shown where there is nothing to draw yet. */
  readonly empty: string;
  readonly onClick?: (params: { seriesName?: string; dataIndex?: number; name?: string; data?: unknown }) => void;
}

export function ChartView({ make, of, empty, minWidth = 0, onClick }: Props): preact.JSX.Element {
  const { charts } = useStore(theme);
  const chart = useMemo(() => make(charts), [charts, ...of]);
  if (!chart) return <p class="empty">{empty}</p>;
  return (
    <figure class={minWidth > 0 ? 'chart scrolls' : 'chart'} tabIndex={minWidth > 0 ? 0 : undefined}>
      <Canvas option={chart.option} height={chart.height} minWidth={minWidth} description={chart.description} onClick={onClick} />
      <figcaption>{chart.description}</figcaption>
    </figure>
  );
}

interface CanvasProps {
  readonly option: ChartOption;
  readonly height: number;
  readonly minWidth: number;
  readonly description: string;
  readonly onClick: Props['onClick'];
}

function Canvas({ option, height, minWidth, description, onClick }: CanvasProps): preact.JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const drawn = useRef<EChartsType | null>(null);
  const latest = useRef(option);
  const click = useRef(onClick);
  latest.current = option;
  click.current = onClick;

  useEffect(() => {
    const target = element.current;
    if (!target) return;
    let gone = false;
    const begin = async (): Promise<void> => {
      const { init } = await import('./echarts.ts');
      if (gone || drawn.current) return;
      const instance = init(target);
      drawn.current = instance;
      instance.on('click', (params) => click.current?.(params as Parameters<NonNullable<Props['onClick']>>[0]));
      instance.setOption(latest.current);
      // For tests and for measuring: the moment at which the plot is there.
      target.dataset.drawn = 'true';
      performance.mark('plot');
    };
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        void begin();
      },
      { rootMargin: '200px' },
    );
    const sized = new ResizeObserver(() => drawn.current?.resize());
    seen.observe(target);
    sized.observe(target);
    return () => {
      gone = true;
      seen.disconnect();
      sized.disconnect();
      drawn.current?.dispose();
      drawn.current = null;
    };
  }, []);

  // What the person zoomed into stays as it is; everything else is as the option says.
  useEffect(() => {
    drawn.current?.setOption(option, { replaceMerge: ['series', 'legend', 'xAxis', 'yAxis', 'parallelAxis'] });
  }, [option]);
  useEffect(() => {
    drawn.current?.resize();
  }, [height]);

  return (
    <div class="canvas" ref={element} role="img" aria-label={description} style={{ height: `${height}px`, minWidth: `${minWidth}px` }} />
  );
}

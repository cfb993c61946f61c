/** What a report does in a browser: draws its charts, sorts its tables, follows the theme, prints in the light one. */
import { SVGRenderer } from 'echarts/renderers';
import { chartsOf, type ChartData } from '../../present/chart-data.ts';
import type { Chart } from '../../present/charts/chart.ts';
import { themeOf } from '../../present/charts/theme.ts';
import { init, use, type EChartsType } from '../../present/page/echarts.ts';
import { makeSortable } from './sort.ts';

// Vectors print sharp.
use(SVGRenderer);

const root = document.documentElement;
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const drawn = new Map<string, EChartsType>();

let printing = false;
const isDark = (): boolean => !printing && (root.dataset.theme === undefined ? prefersDark.matches : root.dataset.theme === 'dark');

function draw(dark: boolean): void {
  for (const script of document.querySelectorAll<HTMLScriptElement>('script[data-run]')) {
    const data = JSON.parse(script.textContent) as ChartData;
    for (const { id, chart } of chartsOf(data, themeOf(dark))) drawOne(`${script.dataset.run ?? ''}${id}`, chart);
  }
}

function drawOne(id: string, { option, height, minWidth }: Chart): void {
  const place = document.querySelector<HTMLElement>(`[data-chart="${CSS.escape(id)}"]`);
  if (!place) return;
  place.style.height = `${height}px`;
  // Paper cannot be scrolled.
  place.style.minWidth = minWidth === undefined || printing ? '' : `${minWidth}px`;
  // Inside a closed element there is no width to draw into.
  if (place.clientWidth === 0) return;
  const chart = drawn.get(id) ?? init(place, null, { renderer: 'svg' });
  drawn.set(id, chart);
  chart.setOption(option, true);
}

function resize(): void {
  for (const chart of drawn.values()) chart.resize();
}

function switchTheme(): void {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  draw(isDark());
}

function offerThemes(): void {
  const navigation = document.querySelector('nav');
  if (!navigation) return;
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Light or dark';
  button.addEventListener('click', switchTheme);
  navigation.append(button);
}

/** On paper everything is open and light. */
function preparePrint(): void {
  printing = true;
  for (const details of document.querySelectorAll('details')) details.open = true;
  draw(isDark());
  resize();
}

function afterPrint(): void {
  printing = false;
  draw(isDark());
}

for (const table of document.querySelectorAll('table')) makeSortable(table);
offerThemes();
draw(isDark());
addEventListener('resize', resize);
addEventListener('beforeprint', preparePrint);
addEventListener('afterprint', afterPrint);
prefersDark.addEventListener('change', () => draw(isDark()));
// The event does not bubble.
document.addEventListener('toggle', () => draw(isDark()), true);

/** Places for charts. Without scripts the caption tells what the picture would show; the tables hold the figures. */
import type { PlacedChart } from '../../present/chart-data.ts';
import { html, type Markup } from '../../present/html.ts';

export const figures = (charts: readonly PlacedChart[], prefix: string): Markup =>
  charts.length === 0 ? html`` : html`<div class="figures">${charts.map((placed) => figure(placed, prefix))}</div>`;

/** Charts of a row for each model stand side by side; those with many rows or a long time axis take the whole width, and scroll where there is too little. */
function figure({ id, group, chart }: PlacedChart, prefix: string): Markup {
  const wide = group === 'timeline' || group === 'cost' || id.startsWith('parallel');
  const place = html`<div class="chart" data-chart="${prefix}${id}"></div>`;
  const body =
    chart.minWidth === undefined ? place : html`<div class="sideways" role="group" tabindex="0" aria-label="${chart.title}">${place}</div>`;
  return html`<figure class="${wide ? 'whole' : ''}">
    <h3>${chart.title}</h3>
    ${body}
    <figcaption>${chart.description}</figcaption>
  </figure> `;
}

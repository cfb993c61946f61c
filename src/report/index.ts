/** Runs as one self-contained HTML file: opens from disk, needs no network, and its tables need no script. */
import { createHash } from 'node:crypto';
import { pageScript } from './bundle.ts';
import { chartData, chartsOf } from '../present/chart-data.ts';
import { LIGHT } from '../present/charts/theme.ts';
import type { ReportData } from '../present/report-data.ts';
import { html, jsonForScript, trusted, type Markup } from '../present/html.ts';
import { sectionsOf, type Section } from './sections/run.ts';
import { sideBySide } from './sections/side-by-side.ts';
import { verdictSection } from './sections/verdict.ts';
import { STYLE } from './style.ts';
import { verdictOf } from '../present/verdict.ts';

export type { ReportData } from '../present/report-data.ts';
export { renderMarkdown } from './markdown.ts';
export { reportJson } from './json.ts';

/** @param runs newest first; of several, a comparison comes first. */
export async function renderReport(runs: ReportData | readonly ReportData[]): Promise<string> {
  const all = 'run' in runs ? [runs] : runs;
  const script = await pageScript();
  const parts = all.map((data, index) => runPart(data, all.length === 1 ? '' : `run${index + 1}-`));
  const [first] = parts;
  const several = all.length > 1;
  const body = several || !first ? comparison(all, parts) : html`${first.header}${first.sections.map(sectionMarkup)}`;
  const links = several
    ? [{ id: 'comparison', title: 'Comparison' }, ...parts.map(({ id, title }) => ({ id, title }))]
    : (first?.sections ?? []);
  const title = all.map(({ run }) => run.run).join(', ');
  return page(title, links, body, parts, script);
}

interface Part {
  readonly id: string;
  readonly title: string;
  readonly header: Markup;
  readonly sections: readonly Section[];
  readonly data: Markup;
}

function runPart(data: ReportData, prefix: string): Part {
  const charts = chartData(data);
  const placed = chartsOf(charts, LIGHT);
  return {
    id: `${prefix}all`,
    title: data.run.run,
    header: verdictSection(data, charts, verdictOf(data)),
    sections: sectionsOf(data, charts, placed, prefix),
    data: trusted(`<script type="application/json" data-run="${prefix}">${jsonForScript(charts).text}</script>`),
  };
}

const sectionMarkup = ({ id, title, body }: Section): Markup =>
  html`<section id="${id}">
    <h2>${title}</h2>
    ${body}
  </section> `;

function comparison(all: readonly ReportData[], parts: readonly Part[]): Markup {
  const details = parts.map(
    ({ id, title, header, sections }) =>
      html`<details class="run" id="${id}" open>
        <summary>${title}</summary>
        ${header}${sections.map(sectionMarkup)}
      </details>`,
  );
  return html`<section id="comparison">
      <h1>${all.length} runs side by side</h1>
      ${sideBySide(all)}
    </section>
    ${details}`;
}

/** The policy's hash is of the very text between the tags, which no formatter may touch. */
const scriptElement = (script: string): Markup => trusted(`<script>${script}</script>`);

/** Only the report's own script runs, whatever names and log lines hold. */
function page(
  title: string,
  links: readonly { id: string; title: string }[],
  body: Markup,
  parts: readonly Part[],
  script: string,
): string {
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <nav aria-label="Sections">${links.map((link) => html`<a href="#${link.id}">${link.title}</a>`)}</nav>
        <main>${body}</main>
        ${parts.map((part) => part.data)} ${scriptElement(script)}
      </body>
    </html> `.text;
}

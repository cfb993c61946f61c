/** The report's style sheet; its colours are those of the charts. */
import { DAG_STYLE } from '../present/charts/dag.ts';
import { DARK, LIGHT, type ChartTheme } from '../present/charts/theme.ts';

const variables = (theme: ChartTheme): string =>
  `color-scheme: ${theme.dark ? 'dark' : 'light'}; --background: ${theme.background}; --panel: ${theme.dark ? '#1b212b' : '#f6f8fa'}; --text: ${theme.text}; --muted: ${theme.muted}; --line: ${theme.line}; --faint: ${theme.faint}; --good: ${theme.good}; --bad: ${theme.bad}; --warn: ${theme.dark ? theme.warn : '#8a5c00'}; --accent: ${theme.dark ? theme.accent : '#00629b'};`;

export const STYLE = `
:root { ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { ${variables(DARK)} } }
:root[data-theme=dark] { ${variables(DARK)} }
* { box-sizing: border-box }
body { margin: 0; background: var(--background); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
main, nav { max-width: 112rem; margin: 0 auto; padding: 0 clamp(.75rem, 2.5vw, 2.5rem) }
nav { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: center; padding-block: .5rem; background: var(--background); border-bottom: 1px solid var(--line) }
a { color: var(--accent) }
nav a { text-decoration: none }
nav a:hover { text-decoration: underline }
nav button { margin-left: auto; font: inherit; color: var(--text); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .2rem .7rem; cursor: pointer }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
section, header { scroll-margin-top: 4rem }
h1 { font-size: clamp(1.25rem, 1rem + 1.3vw, 1.9rem); line-height: 1.25; margin: .2rem 0 .6rem; overflow-wrap: anywhere }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-top: .4rem; border-top: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 0 0 .4rem }
p { margin: .3rem 0 }
h2, h3, p, nav a, summary { overflow-wrap: anywhere; min-width: 0 }
.kicker, .muted, figcaption, caption { color: var(--muted) }
.kicker { overflow-wrap: anywhere }
.verdict { margin: 1.2rem 0 0; padding: .8rem 1.2rem 1rem; background: var(--panel); border: 1px solid var(--line); border-left: 6px solid var(--muted); border-radius: 8px }
.verdict.good { border-left-color: var(--good) } .verdict.good h1 span { color: var(--good) }
.verdict.bad { border-left-color: var(--bad) } .verdict.bad h1 span { color: var(--bad) }
.verdict.warn { border-left-color: var(--warn) } .verdict.warn h1 span { color: var(--warn) }
.verdict.open { border-left-color: var(--accent) } .verdict.open h1 span { color: var(--accent) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .5rem 1rem; margin: .9rem 0 0 }
.tiles dt { color: var(--muted); font-size: .85rem } .tiles dd { margin: 0; font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem; margin: .8rem 0 }
figure { margin: 0; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 8px; min-width: 0 }
figure.whole { grid-column: 1 / -1 }
figcaption { font-size: .85rem; margin-top: .3rem; overflow-wrap: anywhere }
.chart { width: 100% } .sideways { overflow-x: auto }
.scroll { overflow: auto; max-height: min(80vh, 48rem); margin: .8rem 0; border: 1px solid var(--line); border-radius: 8px }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
caption { text-align: left; padding: .4rem .7rem; font-size: .85rem }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
tbody tr:last-child td { border-bottom: 0 }
thead th { position: sticky; top: 0; background: var(--panel); white-space: nowrap; z-index: 1 }
th button { all: unset; cursor: pointer; font-weight: 600 } th button:focus-visible { outline: 2px solid var(--accent) }
th[aria-sort=ascending] button::after { content: " ▲" } th[aria-sort=descending] button::after { content: " ▼" }
td { white-space: nowrap }
td.wide { white-space: normal; min-width: 16rem; overflow-wrap: anywhere }
.number { text-align: right; font-variant-numeric: tabular-nums }
.log { white-space: pre-wrap; overflow-wrap: anywhere }
code { font-size: .9em; overflow-wrap: anywhere }
details { margin: .8rem 0 } summary { cursor: pointer; color: var(--accent) }
details.run > summary { font-size: 1.2rem; font-weight: 600; padding: .5rem 0 }
.outcome::before { content: "≈ " } .outcome.better::before { content: "✔ " } .outcome.worse::before { content: "✘ " }
.outcome.better, .status-succeeded, .status-cached { color: var(--good) }
.outcome.worse, .status-failed, .status-blocked { color: var(--bad) }
.outcome.unclear, .status-waiting, .status-cancelled { color: var(--warn) }
.status-running { color: var(--accent) }
.dag { display: block; margin: .4rem } 
${DAG_STYLE}
@media (max-width: 40rem) { figure { padding: .6rem } main { padding: 0 .6rem } }
.scroll > .dag { max-width: 100%; height: auto }
@media print {
  :root, :root[data-theme=dark], :root:not([data-theme=light]) { ${variables(LIGHT)} }
  nav { display: none }
  body { font-size: 11px }
  main { max-width: none }
  .scroll { max-height: none; overflow: visible; border: 0 }
  .scroll > .dag { min-width: 0 !important }
  thead th { position: static }
  figure, tr, .verdict { break-inside: avoid }
  table { font-size: 8.5px }
  thead th, td { white-space: normal; padding: .2rem .3rem; overflow-wrap: break-word }
  thead th { overflow-wrap: anywhere; min-width: 6ch }
  td.number { white-space: nowrap }
  td.wide, td:has(code) { overflow-wrap: anywhere; min-width: 18ch }
  h2 { break-after: avoid }
}
`;

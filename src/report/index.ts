/** A run as one self-contained HTML file. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { RunState, SearchState } from '../contract/state.ts';

export interface ReportData {
  readonly run: RunState;
  readonly document: RunDocument;
  readonly searches: Readonly<Record<string, SearchState>>;
  readonly trials: readonly LedgerRow<'trials'>[];
  readonly attempts: readonly LedgerRow<'attempts'>[];
  readonly progress: readonly LedgerRow<'progress'>[];
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text: unknown): string =>
  (typeof text === 'string' ? text : text === null || text === undefined ? '' : JSON.stringify(text)).replace(
    /[&<>"']/g,
    (character) => ESCAPES[character] ?? '',
  );

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #8884; text-align: left; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .9em; overflow-wrap: anywhere }
.failed { color: #c33 } .succeeded, .cached { color: #283 }`;

export function renderReport(data: ReportData): string {
  const { run, document } = data;
  const sections = [
    `<h1>${escape(run.pipeline)} <small class="${run.status}">${escape(run.status)}</small></h1>`,
    `<p>${escape(document.description)}</p>`,
    run.reason === null ? '' : `<p class="failed">${escape(run.reason)}</p>`,
    section(
      'Result',
      rows(
        data.evaluations.filter((row) => row.run === run.run),
        ['step', 'scorer', 'metric', 'segment', 'segment_value', 'value', 'low', 'high', 'sessions'],
      ),
    ),
    section(
      'Steps',
      rows(
        run.steps.map((step) => ({ ...step, seconds: seconds(step.startedAt, step.endedAt) })),
        ['id', 'kind', 'status', 'seconds', 'cost', 'reason'],
      ),
    ),
    section(
      'Trials',
      rows(data.trials, [
        'step',
        'trial',
        'status',
        'objective_metric',
        'objective',
        'parameters',
        'metrics',
        'attempts',
        'seconds',
        'cost',
        'reason',
      ]),
    ),
    section(
      'Attempts',
      rows(data.attempts, ['step', 'trial', 'attempt', 'pool', 'node', 'verdict', 'cause', 'seconds', 'cost', 'lost_samples']),
    ),
    section('Provenance', rows(provenance(data), ['what', 'value'])),
  ];
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(run.run)}</title><style>${STYLE}</style></head><body>${sections.join('\n')}</body></html>\n`;
}

const seconds = (from: number | null, to: number | null): number | null => (from === null || to === null ? null : (to - from) / 1000);

function provenance({ run, document }: ReportData): { what: string; value: string }[] {
  const commit =
    document.source.commit === null
      ? 'not in a git repository'
      : `${document.source.commit}${document.source.dirty ? ' with changes' : ''}`;
  return [
    { what: 'run', value: run.run },
    { what: 'file', value: document.source.file },
    { what: 'commit', value: commit },
    { what: 'document', value: document.hash },
    { what: 'profile', value: document.profileName },
    { what: 'started', value: new Date(run.startedAt).toISOString() },
    { what: 'ended', value: run.endedAt === null ? '' : new Date(run.endedAt).toISOString() },
    { what: 'cost', value: `${run.cost.toFixed(4)} ${document.profile.currency}` },
  ];
}

const section = (title: string, body: string): string => (body === '' ? '' : `<h2>${escape(title)}</h2>${body}`);

/** A column that says nothing in any row is left out. */
function rows(items: readonly object[], columns: readonly string[]): string {
  if (items.length === 0) return '';
  const records = items as readonly Readonly<Record<string, unknown>>[];
  const shown = columns.filter((column) =>
    records.some((record) => record[column] !== null && record[column] !== undefined && record[column] !== ''),
  );
  const cell = (value: unknown): string =>
    typeof value === 'number'
      ? `<td class="number">${Number.isInteger(value) ? value : value.toPrecision(5)}</td>`
      : `<td>${escape(value)}</td>`;
  const body = records.map((record) => `<tr>${shown.map((column) => cell(record[column])).join('')}</tr>`).join('');
  return `<table><thead><tr>${shown.map((column) => `<th>${escape(column.replaceAll('_', ' '))}</th>`).join('')}</tr></thead><tbody>${body}</tbody></table>`;
}

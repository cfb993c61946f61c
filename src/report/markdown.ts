/** The report as Markdown, for a merge request or a chat. */
import { auditsShown } from '../present/audits.ts';
import { chartData } from '../present/chart-data.ts';
import { metricsOf } from '../present/charts/metrics-with-intervals.ts';
import { ranked } from '../present/charts/views.ts';
import type { ReportData } from '../present/report-data.ts';
import { evaluationsOf, intervalOf } from '../present/evaluations.ts';
import { failuresOf } from '../present/failures.ts';
import { between, metric, money, parameters } from '../present/format.ts';
import { mayBeBest, replicateValues, type SearchFindings } from '../present/search-findings.ts';
import { reportJson } from './json.ts';
import { changesSince, provenanceOf } from '../present/provenance.ts';
import { comparisonsBy, signed, verdictOf } from '../present/verdict.ts';
import { factsOf } from './sections/side-by-side.ts';

/** More trials than this are for the HTML report. */
const MAX_TRIALS = 20;

export function renderMarkdown(runs: readonly ReportData[]): string {
  if (runs.length === 1) return runs.map(oneRun).join('');
  const facts = runs.map(factsOf);
  const names = [...new Set(facts.flatMap((one) => [...one.keys()]))];
  const rows = names.map((name) => [name, ...facts.map((one) => one.get(name) ?? '')]);
  return [`# ${runs.length} runs side by side`, tableOf(['', ...runs.map(({ run }) => run.run)], rows), ...runs.map(oneRun)].join('\n\n');
}

function oneRun(data: ReportData): string {
  const { run, now } = data;
  const verdict = verdictOf(data);
  const { cost } = reportJson(data);
  const { currency } = cost;
  const comparisons = run.steps
    .filter((step) => step.kind === 'evaluate')
    .flatMap((step) => {
      const rows = evaluationsOf(data, step);
      return metricsOf(rows).flatMap((name) => comparisonsBy(step.id, rows, name));
    });
  const since = changesSince(data);
  const parts = [
    `# ${text(verdict.headline)}`,
    [`Run \`${run.run}\` of ${text(run.pipeline)}.`, ...verdict.sentences.map((sentence) => `${text(sentence)}.`)].join(' '),
    `Cost ${money(cost.spent, currency)}, saved ${money(cost.saved, currency)} against on-demand machines, lost ${money(cost.lost, currency)}.`,
    titled(
      'Quality',
      tableOf(
        ['metric', 'against', 'model', 'other', 'difference', 'interval', 'outcome'],
        comparisons.map((one) => [
          one.metric,
          one.against,
          metric(one.value),
          metric(one.other),
          signed(one.difference),
          intervalOf(one, signed),
          one.outcome,
        ]),
      ),
    ),
    titled(
      'Failures',
      tableOf(
        ['where', 'what', 'cause', 'remedy'],
        failuresOf(data).map((one) => [one.where, one.what, one.cause, one.remedy]),
      ),
    ),
    titled(
      'Steps',
      tableOf(
        ['step', 'kind', 'status', 'time', 'cost', 'note'],
        run.steps.map((step) => [
          step.id,
          step.kind,
          step.status,
          step.cacheHit ? '' : between(step.startedAt, step.endedAt, now),
          step.cost > 0 ? money(step.cost, currency) : '',
          step.reason ?? '',
        ]),
      ),
    ),
    ...chartData(data).searches.flatMap(({ step, trials, objective, constraints, findings }) => [
      titled(
        `Best trials of ${text(step)}`,
        tableOf(
          ['trial', 'status', objective.metric, 'attempts', 'cost', 'parameters'],
          ranked(
            trials.filter((trial) => mayBeBest(trial, constraints)),
            objective.goal,
          )
            .slice(0, MAX_TRIALS)
            .map((trial) => [
              String(trial.trial),
              trial.status,
              metric(trial.objective),
              String(trial.attempts),
              money(trial.cost, currency),
              parameters(trial.parameters),
            ]),
        ),
      ),
      replicatesOf(step, findings),
      lineagesOf(step, findings),
    ]),
    titled(
      'Audits',
      tableOf(
        ['what', 'where', 'result', 'first difference'],
        auditsShown(data.audits ?? []).map((one) => [one.what, one.where, one.result, one.difference]),
      ),
    ),
    titled(
      'Provenance',
      tableOf(
        ['what', 'value'],
        provenanceOf(data).map((fact) => [fact.what, fact.value]),
      ),
    ),
    since === null
      ? ''
      : titled(
          `Changes since ${since.run}`,
          tableOf(
            ['path', 'before', 'now'],
            since.changes.map((one) => [one.path, jsonText(one.before), jsonText(one.after)]),
          ),
        ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function replicatesOf(step: string, { replicates }: SearchFindings): string {
  const sure = replicates?.sure ?? null;
  const order = sure === null ? '' : `\n\nThe order of the first two is ${Math.round(sure * 100)} % sure.`;
  const rows = (replicates?.finalists ?? []).map((one) => [
    String(one.trial),
    metric(one.mean),
    intervalOf(one, metric, 'seed'),
    replicateValues(one, metric),
  ]);
  const body = tableOf(['trial', 'mean', '95 % interval', 'values'], rows);
  return titled(`Finalists of ${text(step)}, trained again`, body === '' ? '' : `${body}${order}`);
}

function lineagesOf(step: string, { lineages }: SearchFindings): string {
  const rows = lineages
    .slice(0, MAX_TRIALS)
    .map(({ members }) => [
      members.map(({ trial }) => String(trial)).join(' → '),
      metric(members.at(-1)?.objective),
      members.map((member) => parameters(member.parameters)).join(' → '),
    ]);
  return titled(`Members of the population of ${text(step)}`, tableOf(['lineage', 'objective', 'parameters and their changes'], rows));
}

const titled = (title: string, body: string): string => (body === '' ? '' : `## ${title}\n\n${body}`);

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => text(cell.slice(0, 300))).join(' | ')} |`;
  return [line(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** Names from outside stay names: neither markup nor HTML, on one line. */
const text = (value: string): string => value.replace(/[\\`*_[\]<>|#]/g, '\\$&').replace(/\s*\n\s*/g, ' ');

const jsonText = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

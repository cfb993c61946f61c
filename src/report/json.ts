/** The report as data (`longhaul report --format json`), with the same content as the page; the schema is in docs/cli.md. */
import { chartData } from '../present/chart-data.ts';
import { costFigures, type CostFigures } from '../present/charts/cost-figures.ts';
import type { ReportData } from '../present/report-data.ts';
import { failuresOf, type Failure } from '../present/failures.ts';
import { changesSince, provenanceOf, type Fact } from '../present/provenance.ts';
import type { SearchFindings } from '../present/search-findings.ts';
import { adviceOf } from '../present/sizes.ts';
import { verdictOf, type Verdict } from '../present/verdict.ts';

interface ReportJson extends Pick<ReportData, 'run' | 'graph' | 'trials' | 'attempts' | 'evaluations'> {
  readonly version: 1;
  readonly verdict: Verdict;
  readonly cost: CostFigures & { readonly currency: string };
  readonly failures: readonly Failure[];
  /** By step. */
  readonly searches: Readonly<Record<string, SearchFindings>>;
  readonly importance: NonNullable<ReportData['importance']>;
  readonly provenance: readonly Fact[];
  readonly changes: ReturnType<typeof changesSince>;
  /** Of searches that had attempts. */
  readonly sizes: ReturnType<typeof adviceOf>;
  readonly audits: NonNullable<ReportData['audits']>;
}

export function reportJson(data: ReportData): ReportJson {
  const charts = chartData(data);
  const { run, graph, trials, attempts, evaluations } = data;
  const figures = costFigures({
    run,
    trials: charts.searches.flatMap((search) => search.trials),
    attempts: charts.attempts,
    plannedTrials: charts.searches.reduce((sum, search) => sum + search.plannedTrials, 0),
    budget: charts.budget,
  });
  return {
    version: 1,
    verdict: verdictOf(data),
    run,
    graph,
    cost: { ...figures, currency: charts.currency },
    trials,
    attempts,
    evaluations,
    failures: failuresOf(data),
    searches: Object.fromEntries(charts.searches.map(({ step, findings }) => [step, findings])),
    importance: data.importance ?? {},
    provenance: provenanceOf(data),
    changes: changesSince(data),
    sizes: adviceOf(data.document, attempts),
    audits: data.audits ?? [],
  };
}

import { describe, expect, it } from 'vitest';
import { paretoFront } from '../../../src/present/charts/pareto-front.ts';
import { LIGHT } from '../../../src/present/charts/theme.ts';
import { trialsOf, type TrialView } from '../../../src/present/charts/views.ts';
import { chartData, chartsOf } from '../../../src/present/chart-data.ts';
import { importanceInput } from '../../../src/present/gathering.ts';
import { findingsOf } from '../../../src/present/search-findings.ts';
import { renderMarkdown } from '../../../src/report/index.ts';
import { findingsSection } from '../../../src/report/sections/search.ts';
import { makeRun } from '../../support/run-data.ts';

const trial = (number: number, more: Partial<TrialView> = {}): TrialView => ({
  step: 'search',
  trial: number,
  status: 'succeeded',
  parameters: {},
  objective: 0.5,
  metrics: {},
  reason: null,
  origin: 'sampler',
  parent: null,
  attempts: 1,
  pool: null,
  cost: 1,
  onDemandCost: 1,
  lostCost: 0,
  startedAt: 1,
  endedAt: 2,
  seconds: 0.001,
  ...more,
});
const objective = { metric: 'ndcg', goal: 'maximize' } as const;
const latency = { metric: 'latency_ms', goal: 'minimize' } as const;

describe('what came of a search', () => {
  const measured = [
    trial(0, { objective: 0.5, metrics: { latency_ms: 1 } }),
    trial(1, { objective: 0.7, metrics: { latency_ms: 3 } }),
    trial(2, { objective: 0.8, metrics: { latency_ms: 9 } }),
    trial(3, { objective: 0.9, metrics: { latency_ms: 40 } }),
    trial(4, { objective: 0.6, metrics: { latency_ms: 5 } }),
  ];
  const constraints = [{ metric: 'latency_ms', max: 20 }];

  it('has a front and a knee among those that keep to the constraints, in the chart as well', () => {
    const found = findingsOf(measured, { objective, alsoOptimize: [latency], metricConstraints: constraints });
    expect(found).toMatchObject({ front: [0, 1, 2], knee: 1, broken: [{ trial: 3, why: ['latency_ms 40 is above 20'] }] });
    const chart = paretoFront({ trials: measured, objective: 'ndcg', x: latency, y: objective, constraints }, LIGHT);
    expect(chart?.description).toContain('of 5 trials; on the front: trial 0, trial 1, trial 2; its knee is trial 1.');
    const { text } = findingsSection(found);
    expect(text).toContain('its knee is trial 1');
    expect(text).toContain('latency_ms 40 is above 20');
  });

  it('names offline metrics as the constraints do', () => {
    const offline = [trial(0, { metrics: { 'offline.recall': 0.4 } }), trial(1, { metrics: { 'offline.recall': 0.2 } })];
    const found = findingsOf(offline, { objective, alsoOptimize: [], metricConstraints: [{ metric: 'offline.recall', min: 0.3 }] });
    expect(found.broken).toEqual([{ trial: 1, why: ['offline.recall 0.2 is below 0.3'] }]);
    expect(found.front).toEqual([]);
  });

  it('says how finalists compare by the mean of their replicates, which are on no front', () => {
    const replicates = [0.71, 0.73, 0.64, 0.66].map((value, i) =>
      trial(2 + i, { origin: 'replicate', parent: i < 2 ? 0 : 1, objective: value }),
    );
    const trials = [trial(0, { objective: 0.8 }), trial(1, { objective: 0.9 }), ...replicates];
    const { replicates: found } = findingsOf(trials, { objective, alsoOptimize: [] });
    expect(found?.finalists.map((one) => one.trial)).toEqual([0, 1]);
    expect(found?.finalists[0]?.mean).toBeCloseTo(0.72);
    const { text } = findingsSection(findingsOf(trials, { objective, alsoOptimize: [] }));
    expect(text).toMatch(/trial 0 is better than trial 1 is 9\d % sure/);
    const chart = paretoFront({ trials, objective: 'ndcg', x: { metric: 'cost', goal: 'minimize' }, y: objective }, LIGHT);
    expect(chart?.description).toContain('on the front: trial 1.');
    const diverged = trial(6, {
      origin: 'replicate',
      parent: 0,
      status: 'stopped',
      objective: null,
      reason: 'diverged: ndcg is not a number',
    });
    expect(findingsSection(findingsOf([...trials, diverged], { objective, alsoOptimize: [] })).text).toContain('0.7100, 0.7300, diverged');
    // While some still train, nothing is said.
    expect(
      findingsOf([...trials, trial(9, { origin: 'replicate', parent: 1, endedAt: null })], { objective, alsoOptimize: [] }).replicates,
    ).toBeNull();
  });

  it('takes for the best no replicate, nor a trial that breaks a constraint, in curves, tables and what mattered', () => {
    const made = makeRun({ trials: 6 });
    const [first, second, third] = made.trials.filter(({ status }) => status === 'succeeded');
    if (!first || !second || !third) throw new Error('too few trials');
    const lucky = { ...second, origin: 'replicate', objective: 0.99 };
    const slow = { ...third, objective: 0.98, metrics: JSON.stringify({ latency_ms: 40 }) };
    const steps = made.document.steps.map((step) =>
      step.spec.kind === 'search' ? { ...step, spec: { ...step.spec, metricConstraints: constraints } } : step,
    );
    const document = { ...made.document, steps };
    const data = { ...made, document, searches: {}, trials: [first, lucky, slow] };
    const [table] = /## Best trials[^#]*/.exec(renderMarkdown([data])) ?? [];
    expect(table).toContain(`| ${Number(first.trial)} |`);
    expect(table).not.toMatch(/0\.99|0\.98/);
    const curves = chartsOf(chartData(data), LIGHT).filter(({ id }) => id.startsWith('curves'));
    expect(curves.length).toBeGreaterThan(0);
    for (const { chart } of curves) expect(chart.description).toContain(`; in colour trial ${Number(first.trial)}.`);
    const asked = importanceInput(document, 'search', trialsOf(data.trials, 'search', undefined));
    expect(asked?.trials.map(({ value }) => value)).toEqual([first.objective, 0.98]);
  });

  it('tells a population by its lineages, with what each fork changed', () => {
    const trials = [
      trial(0, { parameters: { rate: 0.1, l2: 0 } }),
      trial(1, { status: 'stopped' }),
      trial(2, { origin: 'pbt', parent: 0, parameters: { rate: 0.08, l2: 0 }, objective: 0.6 }),
      trial(3, { origin: 'pbt', parent: 2, parameters: { rate: 0.08, l2: 0.1 }, objective: 0.9 }),
      trial(4, { origin: 'pbt', parent: 2, status: 'stopped' }),
    ];
    const { lineages } = findingsOf(trials, { objective, alsoOptimize: [] });
    expect(lineages.map(({ members }) => members.map((member) => [member.trial, member.parameters]))).toEqual([
      [
        [0, { rate: 0.1, l2: 0 }],
        [2, { rate: 0.08 }],
        [3, { l2: 0.1 }],
      ],
      [
        [0, { rate: 0.1, l2: 0 }],
        [2, { rate: 0.08 }],
      ],
    ]);
    expect(findingsSection(findingsOf(trials, { objective, alsoOptimize: [] })).text).toContain('0 → 2 → 3');
  });
});

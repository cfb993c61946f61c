import { init } from 'echarts';
import { describe, expect, it } from 'vitest';
import { chartData, chartsOf } from '../../../src/present/chart-data.ts';
import { DARK, LIGHT } from '../../../src/present/charts/theme.ts';
import { costFigures } from '../../../src/present/charts/cost-figures.ts';
import { paretoFront } from '../../../src/present/charts/pareto-front.ts';
import { axisName } from '../../../src/present/charts/parallel-coordinates.ts';
import { timelineRows } from '../../../src/present/charts/timeline-rows.ts';
import { attemptsOf, runningAttempts, trialOfState, trialsOf, valueOf, type TrialView } from '../../../src/present/charts/views.ts';
import { makeRun } from '../../support/run-data.ts';

const trial = (number: number, more: Partial<TrialView>): TrialView => ({
  step: 'search',
  trial: number,
  status: 'succeeded',
  parameters: {},
  objective: null,
  metrics: {},
  reason: null,
  origin: 'sampler',
  parent: null,
  attempts: 1,
  pool: null,
  cost: 1,
  onDemandCost: 3,
  lostCost: 0,
  startedAt: 0,
  endedAt: 1,
  seconds: 0.001,
  ...more,
});

describe('the time of a trial', () => {
  const HOUR = 3_600_000;
  const state = makeRun({ stage: 'running' }).searches.search!.trials.find(({ endedAt }) => endedAt !== null)!;
  const row = {
    pipeline: 'p',
    run: 'r',
    time: '',
    step: 'search',
    trial: 0,
    started_at: new Date(0).toISOString(),
    ended_at: new Date(9 * HOUR).toISOString(),
  };

  it('is that which it had machines, however long it was held or waited', () => {
    const held = { ...state, startedAt: 0, endedAt: 9 * HOUR, trainedSeconds: 7200 };
    expect(valueOf(trialOfState('search', held), 'seconds')).toBe(7200);
    expect(valueOf(trialOfState('search', { ...held, endedAt: null }), 'seconds')).toBeNull();
    expect(trialsOf([{ ...row, seconds: 7200 }], 'search', undefined).map((one) => valueOf(one, 'seconds'))).toEqual([7200]);
  });

  it('is from start to end where nothing else is known', () => {
    const { trainedSeconds: _, ...older } = { ...state, startedAt: 0, endedAt: 9 * HOUR };
    expect(valueOf(trialOfState('search', older), 'seconds')).toBe(9 * 3600);
    expect(trialsOf([row], 'search', undefined).map((one) => valueOf(one, 'seconds'))).toEqual([9 * 3600]);
  });
});

describe('names of axes that stand side by side', () => {
  it.each([
    ['loss', 'loss'],
    ['learning_rate', 'learning_rate'],
    ['validation_ndcg_at_10', 'validation_\nndcg_at_10'],
    ['optimizer.weight_decay_of_embeddings', 'optimizer.\nweight_decay_…'],
    ['averyveryverylongname', 'averyveryvery…'],
  ])('writes %s in at most two short lines', (name, lines) => {
    expect(axisName(name)).toBe(lines);
  });
});

describe('charts of a run', () => {
  it('are drawn by echarts in both themes, with 200 trials and 100 steps', () => {
    const made = makeRun({ trials: 200, parallel: 16, moreSteps: 88, pointsPerTrial: 20, stage: 'running' });
    for (const theme of [LIGHT, DARK]) {
      const charts = chartsOf(chartData(made), theme);
      expect(charts.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['timeline', 'curves-search', 'curves-loss-search', 'parallel-search', 'pareto-search', 'cost']),
      );
      for (const { chart } of charts) {
        const drawing = init(null, null, { renderer: 'svg', ssr: true, width: 1200, height: chart.height });
        drawing.setOption(chart.option);
        const svg = drawing.renderToSVGString();
        drawing.dispose();
        expect(svg).toContain('<path');
        expect(svg).not.toContain('NaN');
        expect(chart.description).not.toBe('');
      }
    }
  });

  it('show what an evaluation measured, each metric with its differences and segments', () => {
    const ids = chartsOf(chartData(makeRun()), LIGHT).map(({ id }) => id);
    expect(ids).toEqual(
      expect.arrayContaining([
        'metric-ndcg_at_10-evaluate',
        'difference-ndcg_at_10-evaluate',
        'segment-basket_size-mrr-evaluate',
        'offline-ndcg_at_10-search',
      ]),
    );
  });

  it('are left out where there is nothing to show', () => {
    const made = makeRun({ trials: 1, stage: 'running' });
    const empty = {
      ...made,
      searches: {},
      trials: [],
      attempts: [],
      progress: [],
      evaluations: [],
      run: { ...made.run, steps: [], cost: 0 },
    };
    expect(chartsOf(chartData(empty), LIGHT)).toEqual([]);
  });
});

describe('the Pareto front', () => {
  it('shows quality against money, and against time where the machines cost nothing', () => {
    const made = makeRun({ trials: 4 });
    const front = (cost: number): string | undefined => {
      const trials = made.trials.map((row) => ({ ...row, cost: Number(row.cost) * cost }));
      return chartsOf(chartData({ ...made, trials, searches: {} }), LIGHT).find(({ id }) => id.startsWith('pareto'))?.chart.description;
    };
    expect(front(1)).toContain('against cost (minimize)');
    expect(front(0)).toContain('against seconds (minimize)');
  });

  it('holds the trials that no other one beats in both directions', () => {
    const trials = [
      trial(0, { objective: 0.5, cost: 1 }),
      trial(1, { objective: 0.6, cost: 2 }),
      trial(2, { objective: 0.55, cost: 3 }),
      trial(3, { objective: 0.7, cost: 4 }),
      trial(4, { objective: 0.9, cost: 1, status: 'failed' }),
    ];
    const chart = paretoFront(
      { trials, objective: 'ndcg', x: { metric: 'cost', goal: 'minimize' }, y: { metric: 'ndcg', goal: 'maximize' } },
      LIGHT,
    );
    expect(chart?.description).toContain('on the front: trial 0, trial 1, trial 3; its knee is trial 1.');
  });
});

describe('the timeline', () => {
  it('gives each trial of a small search a row, and its preemptions gaps', () => {
    const made = makeRun({ seed: 3 });
    const attempts = attemptsOf(made.attempts);
    const rows = timelineRows(made.run, attempts, made.now);
    expect(rows.labels.filter((label) => label.startsWith('trial '))).toHaveLength(24);
    expect(rows.gaps).toHaveLength(attempts.filter((attempt) => attempt.verdict === 'preempted').length);
    expect(rows.gaps.length).toBeGreaterThan(0);
    for (const gap of rows.gaps) expect(gap.to).toBeGreaterThan(gap.from);
  });

  it('shares rows among the trials of a large search without overlaps', () => {
    const made = makeRun({ trials: 200, parallel: 16, stage: 'running' });
    const ended = attemptsOf(made.attempts);
    const attempts = [...ended, ...runningAttempts(trialsOf(made.trials, 'search', made.searches.search), ended)];
    const rows = timelineRows(made.run, attempts, made.now);
    expect(rows.labels.length).toBeLessThanOrEqual(made.run.steps.length + 16);
    expect(rows.attempts).toHaveLength(attempts.length);
    const byRow = Map.groupBy(rows.attempts, ({ row }) => row);
    for (const bars of byRow.values()) {
      const sorted = bars.map(({ attempt }) => attempt).sort((a, b) => a.startedAt - b.startedAt);
      for (const [index, attempt] of sorted.entries())
        if (index > 0) expect(attempt.startedAt).toBeGreaterThanOrEqual(sorted[index - 1]!.endedAt ?? made.now);
    }
  });
});

describe('figures of cost', () => {
  it('add up what was paid, saved and lost, and expect the mean for trials to come', () => {
    const { run } = makeRun({ stage: 'running' });
    const trials = [
      trial(0, { cost: 2, onDemandCost: 5, lostCost: 0.5 }),
      trial(1, { cost: 4, onDemandCost: 8 }),
      trial(2, { status: 'running', cost: 1, onDemandCost: 2, endedAt: null }),
    ];
    const figures = costFigures({ run: { ...run, steps: [], cost: 7, endedAt: null }, trials, attempts: [], plannedTrials: 5, budget: 20 });
    expect(figures).toMatchObject({ spent: 7, saved: 8, lost: 0.5, onDemand: 15, budget: 20 });
    // Two more trials at the mean of 3, and 2 more for the one that has cost 1 so far.
    expect(figures.forecast).toBe(7 + 2 * 3 + 2);
    expect(costFigures({ run: { ...run, steps: [], cost: 7, endedAt: 9 }, trials, attempts: [], plannedTrials: 5 }).forecast).toBe(7);
  });
});

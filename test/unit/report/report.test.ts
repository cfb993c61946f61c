import { describe, expect, it } from 'vitest';
import { failuresOf } from '../../../src/present/failures.ts';
import { renderMarkdown, renderReport, reportJson } from '../../../src/report/index.ts';
import { changesSince, provenanceOf } from '../../../src/present/provenance.ts';
import { verdictOf } from '../../../src/present/verdict.ts';
import { hostileRun } from '../../support/hostile.ts';
import { makeRun } from '../../support/run-data.ts';

describe('the verdict', () => {
  it('tells the model against the last champion first, then against the baseline, with intervals', () => {
    const verdict = verdictOf(makeRun());
    expect(verdict.tone).toBe('good');
    expect(verdict.headline).toBe('Better than the last champion: ndcg_at_10 0.5731 against 0.5653, +0.0078 [+0.003, +0.0126]');
    expect(verdict.sentences[0]).toMatch(/^Better than the baseline popularity: ndcg_at_10 0\.5731 against 0\.4391, \+0\.134 \[/);
  });

  it('does not call a difference one whose interval holds zero', () => {
    const made = makeRun();
    const evaluations = made.evaluations.map((row) =>
      row.scorer === 'champion' ? { ...row, difference_low: -0.02, difference_high: 0.01 } : row,
    );
    const verdict = verdictOf({ ...made, evaluations });
    expect([verdict.tone, verdict.headline]).toEqual(['warn', expect.stringMatching(/^Cannot be told from the last champion/)]);
  });

  it('shows no interval without a width: where no draw differed, that is said', async () => {
    const made = makeRun();
    const evaluations = made.evaluations.map((row) => ({ ...row, low: row.value, high: row.value, difference_low: 0, difference_high: 0 }));
    const data = { ...made, evaluations };
    expect(verdictOf(data).headline).toMatch(/, \+0\.0078 \(no draw differed\)$/);
    for (const page of [renderMarkdown([data]), await renderReport(data)]) expect(page).toContain('no draw differed');
    expect(renderMarkdown([data])).not.toMatch(/\| \[[+−0]/);
  });

  it('takes a lower rank for the better one', () => {
    const made = makeRun();
    const evaluations = made.evaluations.filter((row) => row.metric === 'average_rank');
    expect(verdictOf({ ...made, evaluations }).headline).toMatch(
      /^Better than the last champion: average_rank 24\.31 against 25\.87, −1\.56/,
    );
  });

  it('reads an evaluation that came from the cache out of its outputs', () => {
    const made = makeRun();
    const metrics = {
      model: {
        sessions: 10,
        ndcg_at_10: { value: 0.4, low: 0.3, high: 0.5, difference: { value: -0.1, low: -0.2, high: -0.05, comparedWith: 'champion' } },
      },
      champion: { sessions: 10, ndcg_at_10: { value: 0.5, low: 0.4, high: 0.6 } },
    };
    const steps = made.run.steps.map((step) => (step.id === 'evaluate' ? { ...step, cacheHit: true, outputs: { metrics } } : step));
    const verdict = verdictOf({ ...made, evaluations: [], run: { ...made.run, steps } });
    expect([verdict.tone, verdict.headline]).toEqual([
      'bad',
      'Worse than the last champion: ndcg_at_10 0.4000 against 0.5000, −0.1 [−0.2, −0.05]',
    ]);
  });

  it('says how far a running run is, and why a failed one failed', () => {
    expect(verdictOf(makeRun({ stage: 'running' })).headline).toMatch(/^Running: 7 of 11 steps ended, \d+ of 24 trials$/);
    expect(verdictOf(makeRun({ stage: 'failed' }))).toMatchObject({ tone: 'bad', headline: expect.stringContaining('471 MB') as string });
  });
});

describe('failures', () => {
  it('have a cause and a remedy, and those of one cause are told once', () => {
    const failures = failuresOf(makeRun({ stage: 'failed', trials: 200, parallel: 16 }));
    expect(failures[0]).toMatchObject({
      where: 'step evaluate',
      what: 'ModelLimit',
      remedy: 'make the model smaller or use supported operations',
    });
    const trials = failures.filter((failure) => failure.where.startsWith('search, trial'));
    expect(trials).toHaveLength(1);
    expect(trials[0]?.where).toMatch(/^search, trials \d+, \d+/);
    expect(failures.find((failure) => failure.what === 'preempted')).toMatchObject({ severity: 'handled' });
  });
});

describe('provenance', () => {
  it('names commit, images, seeds, table versions and what changed since the run before', () => {
    const made = makeRun();
    const before = { ...made.document, params: { epochs: 1, trials: 24 }, steps: made.document.steps.slice(0, -1) };
    const facts = Object.fromEntries(provenanceOf(made).map(({ what, value }) => [what, value]));
    expect(facts).toMatchObject({
      commit: made.document.source.commit,
      'image of the reference trainer': expect.stringContaining('@sha256:') as string,
      'seeds of search': 'trials 0, sampler 0',
      'table of dataset.train': 'grocery.dataset_train at version 1764061200000',
      'cache key of candidates': '3f2a91c04b7d (hit)',
    });
    const compute = { ...made.document.profile.compute, image: 'registry.example/trainer:1' };
    const tagged = { ...made, document: { ...made.document, profile: { ...made.document.profile, compute } } } as typeof made;
    expect(provenanceOf(tagged).find(({ what }) => what === 'image of the reference trainer')?.value).toMatch(
      /trainer:1 \(a tag: only a digest/,
    );
    const attempts = made.attempts.map((row) => ({ ...row, image: 'registry.example/trainer@sha256:0123' }));
    expect(provenanceOf({ ...tagged, attempts }).find(({ what }) => what === 'image that ran in search')?.value).toBe(
      'registry.example/trainer@sha256:0123',
    );
    const since = changesSince({ ...made, previous: { run: 'r0', document: before } });
    expect(since?.changes.map(({ path }) => path)).toEqual(['params.epochs', 'steps.release']);
  });
});

describe('the report', () => {
  it('escapes everything from outside, in HTML and in Markdown', async () => {
    const page = await renderReport(hostileRun());
    expect(/<img|<svg onload|onerror="window/.exec(page)).toBeNull();
    expect(page.match(/<script/g)).toHaveLength(2);
    const markdown = renderMarkdown([hostileRun()]);
    expect(markdown).not.toMatch(/(?<!\\)<(img|script|svg)/);
  });

  it('is one file: nothing in it is loaded from elsewhere', async () => {
    const page = await renderReport(makeRun());
    const own = page.slice(0, page.indexOf('<script>'));
    expect(/\bsrc="|<(?!a\b)[a-z]+\b[^>]*\bhref="/.exec(own)).toBeNull();
    expect(own.includes('default-src &#39;none&#39;')).toBe(true);
    expect(page.length).toBeLessThan(1_500_000);
  });

  it('links to TensorBoard and says how long that is kept', async () => {
    const made = makeRun();
    expect(await renderReport(made)).toMatch(/href="http:\/\/127\.0\.0\.1:6006\/"[^>]*>[^<]*<\/a>\s*<span[^>]*>\(removed 1h 00m after/);
    const hostile = { search: { ...made.searches.search!, tensorboard: 'javascript:alert(1)' } };
    expect(await renderReport({ ...made, searches: hostile })).not.toContain('javascript:alert');
  });

  it('puts several runs side by side, with what their documents have otherwise', async () => {
    const [a, b] = [makeRun(), makeRun({ seed: 2, run: 'grocery-ranking-20261113-080000-p1x2', trials: 12 })];
    const page = await renderReport([a, b]);
    expect(page.includes('2 runs side by side')).toBe(true);
    expect(page.includes('steps.search.spec.trials')).toBe(true);
    expect(renderMarkdown([a, b])).toContain('# 2 runs side by side');
  });

  it('has the same content as JSON', () => {
    const json = reportJson(makeRun());
    expect(JSON.parse(JSON.stringify(json))).toMatchObject({
      version: 1,
      verdict: { tone: 'good' },
      cost: { currency: 'USD', spent: expect.closeTo(5.163, 2) as number },
      run: { status: 'succeeded' },
    });
    expect(json.failures.length).toBeGreaterThan(0);
  });
});

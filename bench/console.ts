/**
 * `npm run bench -- console [--json]`: what the console's page weighs, how soon it plots, how late it tells news and at how many questions to
 * workflows, how fast it answers with 100 steps, 200 trials and 10,000 progress points.
 */
import type { Changes } from '../src/client/changes.ts';
import { loadPage } from '../src/console/bundle.ts';
import { startConsole } from '../src/console/index.ts';
import { searchWorkflowId } from '../src/contract/ids.ts';
import { metric } from '../src/present/format.ts';
import { launchBrowser } from '../test/console/browser.ts';
import { FixtureSource, movedToNow } from '../test/console/fixture-source.ts';
import { OPTIONS } from '../test/console/harness.ts';
import { ConsolePage } from '../test/console/pages.ts';
import { makeRun, type MadeRun } from '../test/support/run-data.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values } = commandLine({
  call: 'npm run bench -- console',
  about: 'What the page of the console weighs, and how soon it shows what is new.',
  options: {
    json: JSON_OPTION,
  },
});

const RUN = 'grocery-ranking-20261120-080000-load';
const PAGE_LOADS = 5;
const NEWS = 15;
const CHANGES = 25;
/** What a console asks that is not told of changes: the run and its search, each so often. */
const POLLED_MS = 700;
const ROUNDS = 40;

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ?? 0;

const made = movedToNow(makeRun({ run: RUN, trials: 200, parallel: 8, pointsPerTrial: 56, moreSteps: 90, stage: 'running' }));
// A running search is in its middle; the whole load is that of an ended one.
const whole = makeRun({ run: RUN, trials: 200, parallel: 8, pointsPerTrial: 56, moreSteps: 90 });
const running = made.searches.search?.trials.find((trial) => trial.status === 'running');
if (!running || whole.progress.length < 10_000) throw new Error(`too little load: ${whole.progress.length} points`);

/** Workflows tell that they have moved on, as Temporal's long poll does, and questions to them are counted. */
class TellingSource extends FixtureSource {
  questions = 0;
  readonly #moved = new Set<string>();

  tell(workflowId: string): void {
    this.#moved.add(workflowId);
  }

  changes = (): Changes => ({
    follow: () => undefined,
    takeAll: () => {
      const taken = new Set(this.#moved);
      this.#moved.clear();
      return taken;
    },
    again: (ids) => {
      for (const id of ids) this.#moved.add(id);
    },
    news: () => Promise.resolve(),
    close: () => undefined,
  });

  constructor(runs: readonly MadeRun[]) {
    super(runs);
    const { state } = this;
    this.state = (run) => {
      this.questions++;
      return state(run);
    };
  }

  override search(run: string, step: string): ReturnType<FixtureSource['search']> {
    this.questions++;
    return super.search(run, step);
  }
}

const source = new TellingSource([made, { ...whole, run: { ...whole.run, run: `${RUN}-whole` } }].map(own));
const server = await startConsole(source, OPTIONS);
const browser = await launchBrowser();
try {
  const result = {
    page_gzip_kb: Math.round((await loadPage()).gzipBytes / 100) / 10,
    first_plot_ms: Math.round(quantile(await firstPlots(), 0.5)),
    event_latency_ms: Math.round(quantile(await latencies(), 0.95)),
    ...(await changes()),
    p95_ms: Math.round(quantile(await answers(), 0.95) * 10) / 10,
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(18)} ${value}\n`);
} finally {
  await browser.close();
  await server.close();
}

/** Rows carry the name of their run. */
function own<T extends ReturnType<typeof makeRun>>(run: T): T {
  const named = <R extends { readonly run: string }>(rows: readonly R[]): R[] => rows.map((row) => ({ ...row, run: run.run.run }));
  return {
    ...run,
    trials: named(run.trials),
    attempts: named(run.attempts),
    progress: named(run.progress),
    evaluations: named(run.evaluations),
  };
}

/** From the first request of an empty browser to the first plot of a search with the whole load. */
async function firstPlots(): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < PAGE_LOADS; i++) {
    const context = await browser.newContext();
    const page = new ConsolePage(await context.newPage(), server.url);
    await page.search(`${RUN}-whole`);
    await page.chart('Learning curves');
    found.push(await page.page.evaluate<number>('performance.getEntriesByName("plot")[0].startTime'));
    await context.close();
  }
  return found;
}

/** From a trainer's record in the store to the number on the page. */
async function latencies(): Promise<number[]> {
  const context = await browser.newContext();
  const page = new ConsolePage(await context.newPage(), server.url);
  await page.trial(RUN, running?.trial ?? 0);
  await page.chart('Learning curve');
  const found: number[] = [];
  for (let i = 1; i <= NEWS; i++) {
    // News come at any moment of a look at the store, not right after one.
    await new Promise((resolve) => setTimeout(resolve, 300 + ((i * 137) % 700)));
    const samples = 1_000_000 + i * 1000;
    const shown = page.page.getByText(samples.toLocaleString('en-US')).first();
    const at = performance.now();
    source.report(running?.output ?? '', { n: 10_000 + i, step: 10_000 + i, samples, metrics: { validation_ndcg_at_10: 0.5 } });
    await shown.waitFor();
    found.push(performance.now() - at);
  }
  await context.close();
  return found;
}

interface ChangeFigures {
  readonly change_told_ms: number;
  readonly change_latency_ms: number;
  readonly questions_share: number;
}

/**
 * From a change of a search to the event that tells of it, and to the page that shows it; and what share of the questions that takes which asking
 * all the time does.
 */
async function changes(): Promise<ChangeFigures> {
  const context = await browser.newContext();
  const page = new ConsolePage(await context.newPage(), server.url);
  await page.search(RUN);
  await page.table('Trials').waitFor();
  const told: number[] = [];
  const found: number[] = [];
  const stream = eventsOf(RUN);
  await stream.next();
  const [before, from] = [source.questions, performance.now()];
  for (let i = 1; i <= CHANGES; i++) {
    // A search of eight trials, of which each begins, ends or reports at a rung every half minute or so.
    await new Promise((resolve) => setTimeout(resolve, 2500 + ((i * 613) % 2500)));
    const best = 0.9 + i / 1000;
    const text = metric(best);
    const at = performance.now();
    source.change(RUN, ({ searches }) => Object.assign(searches.search ?? {}, { bestObjective: best }));
    source.tell(searchWorkflowId(RUN, 'search'));
    const arrived = (async () => {
      for (let event = ''; !event.includes(`"bestObjective":${best}`);) event = (await stream.next()).value ?? '';
      told.push(performance.now() - at);
    })();
    await page.page.getByText(text).first().waitFor();
    found.push(performance.now() - at);
    await arrived;
  }
  const polled = (2 * (performance.now() - from)) / POLLED_MS;
  await stream.return(undefined);
  await context.close();
  return {
    change_told_ms: Math.round(quantile(told, 0.95)),
    change_latency_ms: Math.round(quantile(found, 0.95)),
    questions_share: Math.round(((source.questions - before) / polled) * 1000) / 1000,
  };
}

/** Of a run, as a page gets them, without a browser that draws. */
async function* eventsOf(run: string): AsyncGenerator<string, void> {
  const over = new AbortController();
  const { body } = await fetch(`${server.url}/api/runs/${run}/events`, { signal: over.signal });
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
      text += decoder.decode(piece, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        yield text.slice(0, end);
        text = text.slice(end + 2);
      }
    }
  } finally {
    over.abort();
  }
}

/** All that each page asks for, as one page asks for it: side by side, compressed. */
async function answers(): Promise<number[]> {
  const run = `/api/runs/${RUN}-whole`;
  const pages = [
    ['/api/runs'],
    [run],
    [run, `${run}/steps/search/curves`, `${run}/results`],
    [run, `${run}/steps/search/trials/7`],
    [run, `${run}/results`],
    [run, `${run}/document`, '/api/runs?pipeline=grocery-ranking'],
    [`/api/compare?run=${RUN}&run=${RUN}-whole`],
  ];
  const ask = (path: string): Promise<ArrayBuffer> => fetch(`${server.url}${path}`).then((answer) => answer.arrayBuffer());
  const found: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const paths of pages) {
      const at = performance.now();
      await Promise.all(paths.map(ask));
      found.push(performance.now() - at);
    }
  }
  return found;
}

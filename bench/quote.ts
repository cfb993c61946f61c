/**
 * `npm run bench -- quote [--json]`: how often what `longhaul plan` quotes holds. Each of 1,000 simulated sweeps has earlier runs in the ledger, whose
 * trials differ among themselves (log-normal) and whose runs differ as spot prices and data do, and one further run that the quote is compared with.
 *
 * Each sweep is also promised an end and a cost that are drawn between a fifth and all of what the quote says for 95 %, and, where that is accepted, played
 * by the rule that the workflow keeps a promise by (bench/quote/kept.ts).
 */
import { earlierTrials, estimateSearch, type Interval } from '../src/cli/estimate.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import { keptPromise } from './quote/kept.ts';
import { random } from '../test/support/random.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values, whole } = commandLine({
  call: 'npm run bench -- quote',
  about: 'Whether quotes of searches hold: intervals of cost and end, and promises.',
  options: {
    json: JSON_OPTION,
    sweeps: { type: 'string', default: '1000', value: 'N', about: 'searches that are quoted' },
  },
});

const EARLIER_RUNS = [3, 10] as const;
const TRIALS = [12, 40] as const;
const PARALLEL = [1, 8] as const;
/** Standard deviations of the logarithm: among trials of a run, and among runs. */
const [AMONG_TRIALS, AMONG_RUNS] = [0.6, 0.15];
const HOUR = 3600;

interface Used {
  readonly cost: number;
  readonly seconds: number;
}

const generator = random(1);
/** Of its own, so that what is measured of quotes alone stays as it is. */
const promising = random(2);
const between = ([low, high]: readonly [number, number]): number => low + Math.floor(generator.next() * (high - low + 1));
const normal = (): number => Math.sqrt(-2 * Math.log(1 - generator.next())) * Math.cos(2 * Math.PI * generator.next());

function runOf(trials: number): Used[] {
  const [slow, dear] = [Math.exp(AMONG_RUNS * normal()), Math.exp(AMONG_RUNS * normal())];
  return Array.from({ length: trials }, () => {
    const seconds = HOUR * slow * Math.exp(AMONG_TRIALS * normal());
    return { seconds, cost: (seconds / HOUR) * dear };
  });
}

const rowsOf = (run: string, used: readonly Used[]): LedgerRow<'trials'>[] =>
  used.map((one, trial) => ({ pipeline: 'p', step: 'search', time: '2026-11-24T00:00:00Z', run, trial, ...one }));

function elapsed(used: readonly Used[], parallel: number): number {
  const places = new Array<number>(parallel).fill(0);
  for (const { seconds } of used) {
    const free = places.indexOf(Math.min(...places));
    places[free] = (places[free] ?? 0) + seconds;
  }
  return Math.max(...places);
}

const inside = ({ low, high }: Interval, value: number): boolean => low <= value && value <= high;

const sweeps = whole('sweeps');
let [cost, end] = [0, 0];
const promises = { accepted: 0, deadline: 0, cost: 0, cutShort: 0, begun: 0, planned: 0 };
for (let sweep = 0; sweep < sweeps; sweep++) {
  const [trials, parallel] = [between(TRIALS), between(PARALLEL)];
  const names = Array.from({ length: between(EARLIER_RUNS) }, (_, i) => `run-${i}`);
  const rows = names.flatMap((run) => rowsOf(run, runOf(trials)));
  const runs = names.map((run, i) => ({ run, started_at: `2026-11-${10 + i}T00:00:00Z` }));
  const quote = estimateSearch('search', { trials, parallel, budget: {} }, rows, runs);
  const truth = runOf(trials);
  if (!quote) continue;
  cost += Number(
    inside(
      quote.cost,
      truth.reduce((sum, one) => sum + one.cost, 0),
    ),
  );
  end += Number(inside(quote.elapsedSeconds, elapsed(truth, parallel)));
  const asked = (most: number): number => most * (0.2 + 0.8 * promising.next());
  const promise = { end: asked(quote.elapsedSeconds.high), cost: asked(quote.cost.high) };
  const kept = keptPromise(truth, parallel, earlierTrials('search', rows, runs).trials, promise, promising);
  if (kept === null) continue;
  promises.accepted += 1;
  promises.deadline += Number(kept.end > promise.end);
  promises.cost += Number(kept.cost > promise.cost);
  promises.cutShort += Number(kept.cutShort);
  promises.begun += kept.begun;
  promises.planned += trials;
}
const share = (part: number, whole: number): number => Number((part / Math.max(1, whole)).toFixed(3));
const result = {
  coverage_cost: Number((cost / sweeps).toFixed(3)),
  coverage_end: Number((end / sweeps).toFixed(3)),
  promises_accepted: promises.accepted,
  deadline_misses: promises.deadline,
  cost_misses: promises.cost,
  /** Of the accepted: a trial had to be stopped to keep it. */
  cut_short_share: share(promises.cutShort, promises.accepted),
  trials_begun_share: share(promises.begun, promises.planned),
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)} ${value}\n`);

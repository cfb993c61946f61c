/**
 * `npm run bench -- search [--json]`: what a search finds, saves and costs. Test functions through the real workflow and sampler, beside Optuna
 * called directly with the same sampler and seed and beside random search; compute with and without early stopping at equal final quality, on
 * learning curves of data sets that scikit-learn ships; milliseconds a trial that does nothing, beside Optuna and Ray Tune on the same machine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HalvingScheduler, StoppingRule } from '../src/contract/search-space.ts';
import { startSearchHarness } from '../test/workflow/search-harness.ts';
import { measureOverhead } from './search/overhead.ts';
import { measureWorth } from './search/auto.ts';
import { runScript, startSampler } from './search/python.ts';
import { measurePromotion, TOLERANCE } from './search/promotion.ts';
import { measurePreemptions, regionsOf } from './search/preemptions.ts';
import { measureQuality } from './search/quality.ts';
import { measureFound, measureStopping, type Tables } from './search/stopping.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values, whole } = commandLine({
  call: 'npm run bench -- search',
  about: 'How good and how fast searches are, beside Optuna and Ray.',
  options: {
    json: JSON_OPTION,
    trials: { type: 'string', default: '50', value: 'N', about: 'of each search of a test function' },
    seeds: { type: 'string', default: '3', value: 'N', about: 'of each' },
    'noop-trials': { type: 'string', default: '200', value: 'N', about: 'that do nothing, for what a trial costs' },
    parallel: { type: 'string', default: '8', value: 'N', about: 'of these at once' },
    traces: { type: 'string', value: 'FOLDER', about: 'recorded availability (skypilot-org/spot-traces); else generated' },
  },
});

const RANDOM_SEEDS = 20;
/** Configurations in each table of curves, epochs of each, trials of a search over them, and searches of each table. */
const CURVES = { configurations: 48, epochs: 16, trials: 24, seeds: 20 };
/** At once, in the searches with promotion and beside them. */
const PLACES = 8;
/** What `scheduler` has where nothing more is said. */
const PROMOTION = HalvingScheduler.parse({ kind: 'asha' });
/** Without rungs below the end of training: preemptions are the only ones. */
const BY_PREEMPTIONS = HalvingScheduler.parse({ kind: 'asha', min: CURVES.epochs });
const MEDIAN = StoppingRule.parse({ kind: 'median' });
/** Of the reference trainer; made by bench/search/trainer_curves.py. */
const TRAINER_CURVES = join(import.meta.dirname, 'search', 'trainer-curves.json');
const ASHA = [StoppingRule.parse({ kind: 'asha' })];
/** The rule that docs/search.md recommends, and others to compare. The first one counts. */
const RULES = ['median', 'asha'] as const;

const numbers = (count: number, from = 1): number[] => Array.from({ length: count }, (_, i) => from + i);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const harness = await startSearchHarness('real', [], {}, 'own');
const sampler = startSampler(harness.environment.address);
try {
  // What is timed runs first, while nothing else does.
  const overhead = await measureOverhead(harness, { trials: whole('noop-trials'), parallel: whole('parallel') });
  const quality = await measureQuality(harness, {
    sampler: 'tpe',
    trials: whole('trials'),
    seeds: numbers(whole('seeds')),
    randomSeeds: numbers(RANDOM_SEEDS, 100),
  });
  for (const { problem, equal, best, random } of quality)
    say(
      `${problem.padEnd(20)} tpe ${best.toPrecision(5).padStart(10)}  random ${random.toPrecision(5).padStart(10)}  ${equal ? 'equal' : 'NOT EQUAL'}`,
    );
  // Rules were chosen on the one kind of tables; promotion is judged by the other.
  const [tables, made] = await Promise.all([
    runScript<Tables>('curves.py', [CURVES.configurations, CURVES.epochs]),
    runScript<Tables>('curves.py', [CURVES.configurations, CURVES.epochs, 'held-out']),
  ]);
  const heldOut: Tables = { ...made, ...(JSON.parse(await readFile(TRAINER_CURVES, 'utf8')) as Tables) };
  const ratios = [];
  for (const kind of RULES) {
    const compute = await measureStopping(tables, [StoppingRule.parse({ kind })], CURVES.trials, CURVES.seeds);
    say(`${kind.padEnd(20)} ${JSON.stringify(compute)}`);
    ratios.push(compute.ratio);
  }
  const promotion = measurePromotion(heldOut, PROMOTION, CURVES.trials, CURVES.seeds, PLACES);
  const serial = measurePromotion(heldOut, PROMOTION, CURVES.trials, CURVES.seeds, 1);
  for (const [name, table] of Object.entries(heldOut))
    say(`${name.padEnd(20)} ${JSON.stringify(measurePromotion({ [name]: table }, PROMOTION, CURVES.trials, CURVES.seeds, PLACES))}`);
  const regions = await regionsOf(values.traces);
  for (const region of regions)
    say(
      `${region.name.padEnd(45)} preemptions ${measurePreemptions(heldOut, BY_PREEMPTIONS, [region], CURVES.trials, CURVES.seeds).toFixed(3)}`,
    );
  const ashaFound = await measureFound(heldOut, ASHA, { ...CURVES, parallel: PLACES, tolerance: TOLERANCE });
  say(`${'promotion'.padEnd(20)} ${JSON.stringify({ ...promotion, serial, ashaFound })}`);
  for (const { trials, points, ...worth } of await measureWorth(tables, PROMOTION, MEDIAN, CURVES.seeds))
    say(`${`${trials} trials, ${points} points`.padEnd(20)} ${JSON.stringify(worth)}`);
  const result = {
    equal_to_optuna: quality.every(({ equal }) => equal),
    better_than_random: quality.filter(({ best, random }) => best < random).length / quality.length,
    compute_ratio_with_stopping: Number((ratios[0] ?? Number.NaN).toFixed(3)),
    promotion_cost_ratio: Number(promotion.costRatio.toFixed(3)),
    promotion_cost_ratio_serial: Number(serial.costRatio.toFixed(3)),
    promotion_found_share_serial: Number(serial.foundShare.toFixed(3)),
    promotion_found_share: Number(promotion.foundShare.toFixed(3)),
    rung_cost_ratio: Number(measurePreemptions(heldOut, BY_PREEMPTIONS, regions, CURVES.trials, CURVES.seeds).toFixed(3)),
    rung_cost_ratio_with_asha: Number(measurePreemptions(heldOut, PROMOTION, regions, CURVES.trials, CURVES.seeds).toFixed(3)),
    asha_found_share: Number(ashaFound.toFixed(3)),
    per_trial_ms: Number(overhead.own.toFixed(1)),
    optuna_per_trial_ms: Number(overhead.optuna.toFixed(2)),
    ray_per_trial_ms: Number(overhead.ray.toFixed(1)),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(28)} ${value}\n`);
} finally {
  await sampler.stop();
  await harness.stop();
}

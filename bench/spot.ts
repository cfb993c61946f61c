/**
 * `npm run bench -- spot [--json] [--sweeps 40] [--seed 1]`: what sweeps of five days would cost on spot machines, simulated with
 * the workflow's own rules of placement, against on-demand machines and against an oracle. docs/spot.md explains the figures.
 * `npm run bench -- spot --traces DIR [--half choose|report] [--json]`: the same on recorded traces, beside Uniform Progress and SkyPilot.
 */
import { Placement, Pool } from '../src/contract/profile.ts';
import { random } from '../test/support/random.ts';
import { availabilityOf, REGIMES, TICK_SECONDS, traceOf, type Regime } from './spot/availability.ts';
import { HALVES, measureOnTraces, shareOfOracle } from './spot/on-traces.ts';
import { leastCosts } from './spot/oracle.ts';
import { live, START_SECONDS, type Life } from './spot/simulate.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const DEADLINE_SECONDS = 5 * 24 * 3600;
/** Beyond the deadline, for what is late. */
const TRACE_SECONDS = 12 * DEADLINE_SECONDS;
/** V100, AWS and GCP: spot costs a third (Wu et al., table 1). */
const SPOT_PRICE = 1 / 3;
const TRIALS = 20;
/** Work of a trial, in hours on one machine. */
const WORK_HOURS = { least: 24, most: 96 };

const { values, whole, refuse } = commandLine({
  call: 'npm run bench -- spot',
  about: 'What spot machines save, by drawn or recorded availability.',
  options: {
    json: JSON_OPTION,
    sweeps: { type: 'string', default: '40', value: 'N', about: 'trials of each regime' },
    seed: { type: 'string', default: '1', value: 'N', about: 'of the draw' },
    traces: { type: 'string', value: 'DIR', about: 'recorded traces, in folders of zones' },
    half: { type: 'string', value: 'NAME', about: 'of the traces' },
  },
});

const spot = Pool.parse({ name: 'spot', spot: true, pricePerHour: SPOT_PRICE, onDemandPricePerHour: 1 });
const onDemand = Pool.parse({ name: 'on-demand', spot: false, pricePerHour: 1 });
const rules = Placement.parse({ deadlineSeconds: DEADLINE_SECONDS });
const POLICIES = {
  'always spot': { pools: [spot], deadlineSeconds: null },
  'spot with fallback': { pools: [spot, onDemand], deadlineSeconds: DEADLINE_SECONDS },
  'on-demand': { pools: [onDemand], deadlineSeconds: DEADLINE_SECONDS },
};
type Policy = keyof typeof POLICIES;
const NAMES = Object.keys(POLICIES) as Policy[];

/** Sums over trials; costs in hours of an on-demand machine. */
class Totals {
  trials = 0;
  cost = 0;
  onDemandCost = 0;
  oracleCost = 0;
  lostSeconds = 0;
  trainedSeconds = 0;
  misses = 0;

  add(life: Life, onDemandCost: number, oracleCost: number): void {
    this.trials += 1;
    this.cost += life.cost;
    this.onDemandCost += onDemandCost;
    this.oracleCost += oracleCost;
    this.lostSeconds += life.lostSeconds;
    this.trainedSeconds += life.trainedSeconds;
    this.misses += life.endedAt > DEADLINE_SECONDS ? 1 : 0;
  }

  merge(other: Totals): void {
    this.trials += other.trials;
    this.cost += other.cost;
    this.onDemandCost += other.onDemandCost;
    this.oracleCost += other.oracleCost;
    this.lostSeconds += other.lostSeconds;
    this.trainedSeconds += other.trainedSeconds;
    this.misses += other.misses;
  }

  /** The names are those of `--json`. */
  figures() {
    const saving = 1 - this.cost / this.onDemandCost;
    const oracleSaving = 1 - this.oracleCost / this.onDemandCost;
    return {
      saving: round(saving),
      oracle_saving: round(oracleSaving),
      share_of_oracle: round(saving / oracleSaving),
      lost_work_share: round(this.lostSeconds / this.trainedSeconds),
      deadline_misses: this.misses,
    };
  }
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

function simulate(regime: Regime, sweeps: number, seed: number): Record<Policy, Totals> {
  const totals = { 'always spot': new Totals(), 'spot with fallback': new Totals(), 'on-demand': new Totals() };
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const trace = traceOf(regime, TRACE_SECONDS / TICK_SECONDS, seed * 1_000_003 + sweep);
    const draw = random(seed * 7919 + sweep);
    const traces = new Map([[spot.name, trace]]);
    const oracle = leastCosts({
      zones: [trace],
      deadlineTicks: DEADLINE_SECONDS / TICK_SECONDS,
      mostWorkTicks: (WORK_HOURS.most * 3600) / TICK_SECONDS,
      startTicks: START_SECONDS / TICK_SECONDS,
      spotPrice: SPOT_PRICE,
    });
    for (let trial = 0; trial < TRIALS; trial++) {
      const workTicks = Math.round((draw.between(WORK_HOURS.least, WORK_HOURS.most) * 3600) / TICK_SECONDS);
      const workSeconds = workTicks * TICK_SECONDS;
      const oracleCost = ((oracle[workTicks] ?? Infinity) * TICK_SECONDS) / 3600;
      const lives = NAMES.map((name) => ({
        name,
        life: live({ workSeconds, rules, traces, tickSeconds: TICK_SECONDS, draw: random(seed + trial), ledger: [], ...POLICIES[name] }),
      }));
      const onDemandCost = lives.find(({ name }) => name === 'on-demand')?.life.cost ?? 0;
      for (const { name, life } of lives) totals[name].add(life, onDemandCost, oracleCost);
    }
  }
  return totals;
}

if (values.traces === undefined) onDrawnTraces();
else await onRecordedTraces(values.traces);

function say(cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

async function onRecordedTraces(directory: string): Promise<void> {
  const half = HALVES.find((name) => name === values.half);
  if (values.half !== undefined && half === undefined) refuse(`--half: expected ${HALVES.join(' or ')}, found "${values.half}"`);
  const { regions, figures } = await measureOnTraces(directory, half);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return;
  }
  say(['traces', 'zones', 'runs', 'on-demand', 'oracle', 'Longhaul', 'share of oracle', 'Uniform Progress', 'SkyPilot', 'missed']);
  say(['---', '---:', '---:', '---:', '---:', '---:', '---:', '---:', '---:', '---:']);
  for (const { region, sums } of regions)
    say([
      region.name,
      region.zones.length,
      sums.runs,
      ...[sums.onDemand, sums.oracle, sums.ours].map((hours) => hours.toFixed(1)),
      shareOfOracle(sums).toFixed(3),
      ...[sums.uniformProgress, sums.skypilot].map((hours) => hours.toFixed(1)),
      sums.misses,
    ]);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function onDrawnTraces(): void {
  const [sweeps, seed] = [whole('sweeps'), whole('seed', 0)];
  const byRegime = REGIMES.map((regime) => ({ regime, totals: simulate(regime, sweeps, seed) }));
  const overall = new Totals();
  for (const { totals } of byRegime) overall.merge(totals['spot with fallback']);

  if (values.json) process.stdout.write(`${JSON.stringify(overall.figures())}\n`);
  else {
    const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
    say(['regime', 'available', 'policy', 'saving', 'oracle', 'share of oracle', 'lost work', 'deadlines missed']);
    say(['---', '---:', '---', '---:', '---:', '---:', '---:', '---:']);
    const line = (name: string, available: string, policy: string, totals: Totals): void => {
      const { saving, oracle_saving, share_of_oracle, lost_work_share } = totals.figures();
      const late = `${totals.misses} of ${totals.trials}`;
      say([name, available, policy, percent(saving), percent(oracle_saving), share_of_oracle.toFixed(3), percent(lost_work_share), late]);
    };
    for (const { regime, totals } of byRegime)
      for (const name of NAMES) line(regime.name, percent(availabilityOf(regime)), name, totals[name]);
    line('all', '', 'spot with fallback', overall);
  }
}

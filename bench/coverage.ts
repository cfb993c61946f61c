/**
 * `npm run bench -- coverage [--json] [--rounds 400]`: how often 95 % intervals hold the true value, where sessions come in households of ten that
 * are alike (intraclass correlation 0.3). Drawn by household they should do so in 93 to 97 % of all test sets, also with few of them; drawn by session
 * they claim more than they know. Simulated sessions, the bootstrap of the product.
 */
import { bootstrap, xoshiro128 } from '../activities/evaluation/bootstrap.ts';
import type { Series } from '../activities/evaluation/bootstrap.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const SESSIONS_EACH = 10;
const CORRELATION = 0.3;
const MEAN = 0.4;
const SPREAD = 0.25;
/** True difference of the two models. */
const DIFFERENCE = 0.02;
const SAMPLES = 1000;
/** Of the product's hash: 1,999 buckets. */
const BUCKETS = 1999;

interface Session {
  readonly household: number;
  readonly value: number;
  /** Of another model on the same session: a little worse, and much alike. */
  readonly other: number;
}

const { values, whole } = commandLine({
  call: 'npm run bench -- coverage',
  about: 'How often intervals of the evaluation hold the truth.',
  options: {
    json: JSON_OPTION,
    rounds: { type: 'string', default: '400', value: 'N', about: 'test sets of each kind' },
  },
});
const rounds = whole('rounds');
const result = {
  households_30: await coverage(30, rounds, 'household'),
  households_100: await coverage(100, rounds, 'household'),
  households_1000: await coverage(1000, Math.ceil(rounds / 2), 'household'),
  difference_households_100: await coverage(100, rounds, 'household', true),
  /** What leaving `cluster` out costs. */
  sessions_100: await coverage(100, rounds, 'session'),
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, share] of Object.entries(result)) process.stdout.write(`${name.padEnd(26)} ${(share * 100).toFixed(1)} %\n`);

/** Share of test sets whose interval holds the true mean, or the true difference. */
async function coverage(households: number, tests: number, by: 'household' | 'session', paired = false): Promise<number> {
  let held = 0;
  for (let test = 0; test < tests; test++) {
    const sessions = testSet(households, 1 + test);
    const unit = (session: Session, index: number): number => (by === 'household' ? session.household : index);
    const series = [seriesOf(sessions, unit, ({ value }) => value, test), seriesOf(sessions, unit, ({ other }) => other, test)];
    const draws = await bootstrap(series, { samples: SAMPLES, seed: test, confidence: 0.95 });
    const { low, high } = paired ? draws.difference(0, 1, 'metric') : draws.mean(0, 'metric');
    const truth = paired ? DIFFERENCE : MEAN;
    if (low !== null && high !== null && low <= truth && truth <= high) held += 1;
  }
  return held / tests;
}

function testSet(households: number, seed: number): Session[] {
  const normal = gaussian(seed);
  return Array.from({ length: households }, (_, household) => {
    const shared = normal() * Math.sqrt(CORRELATION);
    const taste = normal() * Math.sqrt(CORRELATION);
    return Array.from({ length: SESSIONS_EACH }, (): Session => {
      const value = MEAN + SPREAD * (shared + normal() * Math.sqrt(1 - CORRELATION));
      return { household, value, other: value - DIFFERENCE + (SPREAD / 3) * (taste + normal() * Math.sqrt(1 - CORRELATION)) };
    });
  }).flat();
}

function seriesOf(
  sessions: readonly Session[],
  unitOf: (session: Session, index: number) => number,
  of: (session: Session) => number,
  salt: number,
): Series {
  const sums = new Map<number, { sessions: number; sum: number }>();
  const units = new Set<number>();
  for (const [index, session] of sessions.entries()) {
    const unit = unitOf(session, index);
    units.add(unit);
    const bucket = Math.floor(xoshiro128(unit * 7919 + salt)() * BUCKETS);
    const found = sums.get(bucket) ?? { sessions: 0, sum: 0 };
    sums.set(bucket, { sessions: found.sessions + 1, sum: found.sum + of(session) });
  }
  const buckets = [...sums];
  return {
    bucket: buckets.map(([bucket]) => bucket),
    sessions: buckets.map(([, found]) => found.sessions),
    sums: { metric: buckets.map(([, { sum }]) => sum) },
    units: units.size,
  };
}

/** Box and Muller's method over the product's generator. */
function gaussian(seed: number): () => number {
  const random = xoshiro128(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/**
 * `npm run bench -- coverage [--json] [--rounds 400]`: how often 95 % intervals hold the true value, where sessions come in households of ten that
 * are alike (intraclass correlation 0.3). Drawn by household they should do so in 93 to 97 % of all test sets, also with few of them; drawn by session
 * they claim more than they know. Near an end of what a metric can be, here an AUC of 0.97, they hold it too, and stay within. Simulated sessions, the
 * bootstrap of the product.
 */
import { bootstrap, xoshiro128 } from '../activities/evaluation/bootstrap.ts';
import type { Series } from '../activities/evaluation/bootstrap.ts';
import { SHARE } from '../activities/evaluation/ranges.ts';
import { normalShare } from '../src/rules/distributions.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const SESSIONS_EACH = 10;
const CORRELATION = 0.3;
const MEAN = 0.4;
const SPREAD = 0.25;
/** True difference of the two models. */
const DIFFERENCE = 0.02;
/** Of a score that is normal in both classes, so many deviations apart. */
const DISTANCE = 2.66;
const AUC = normalShare(DISTANCE / Math.SQRT2);
const SAMPLES = 1000;
/** Of the product's hash: 1,999 buckets. */
const BUCKETS = 1999;

interface Session {
  readonly household: number;
  readonly value: number;
  /** Of another model on the same session: a little worse, and much alike. */
  readonly other: number;
  readonly positive: boolean;
}

const { values, whole } = commandLine({
  call: 'npm run bench -- coverage',
  about: 'How often intervals of the evaluation hold the truth.',
  options: {
    json: JSON_OPTION,
    rounds: { type: 'string', default: '400', value: 'N', about: 'test sets of each kind; three times as many of an AUC' },
  },
});
const rounds = whole('rounds');
let aucs = 0;
let aucsWithin = 0;
const result = {
  households_30: await coverage(30, rounds, 'household'),
  households_100: await coverage(100, rounds, 'household'),
  households_1000: await coverage(1000, Math.ceil(rounds / 2), 'household'),
  difference_households_100: await coverage(100, rounds, 'household', 'difference'),
  auc_households_30: await coverage(30, 3 * rounds, 'household', 'auc'),
  auc_households_100: await coverage(100, 3 * rounds, 'household', 'auc'),
  /** Share of intervals of an AUC that end at 1 or before. */
  auc_within: aucsWithin / aucs,
  /** What leaving `cluster` out costs. */
  sessions_100: await coverage(100, rounds, 'session'),
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, share] of Object.entries(result)) process.stdout.write(`${name.padEnd(26)} ${(share * 100).toFixed(1)} %\n`);

/** Share of test sets whose interval holds the true mean, the true difference, or the true AUC. */
async function coverage(
  households: number,
  tests: number,
  by: 'household' | 'session',
  of: 'mean' | 'difference' | 'auc' = 'mean',
): Promise<number> {
  let held = 0;
  for (let test = 0; test < tests; test++) {
    const sessions = testSet(households, 1 + test);
    const unit = (session: Session, index: number): number => (by === 'household' ? session.household : index);
    const influences = of === 'auc' ? aucInfluences(sessions) : new Map<Session, number>();
    const values = of === 'auc' ? (session: Session): number => influences.get(session) ?? 0 : ({ value }: Session): number => value;
    const series = [seriesOf(sessions, unit, values, test), seriesOf(sessions, unit, ({ other }) => other, test)];
    const asAuc = { shapes: { metric: 'first order' }, ranges: { metric: SHARE } } as const;
    const draws = await bootstrap(of === 'auc' ? series.slice(0, 1).map((one) => ({ ...one, ...asAuc })) : series, {
      samples: SAMPLES,
      seed: test,
      confidence: 0.95,
    });
    const { low, high } = of === 'difference' ? draws.difference(0, 1, 'metric') : draws.mean(0, 'metric');
    const truth = { mean: MEAN, difference: DIFFERENCE, auc: AUC }[of];
    if (low !== null && high !== null && low <= truth && truth <= high) held += 1;
    if (of === 'auc') {
      aucs += 1;
      if (high !== null && high <= 1) aucsWithin += 1;
    }
  }
  return held / tests;
}

/** As the SQL has it: the AUC of all, plus a session's influence on it. The better half of true classes are scored higher by a distance. */
function aucInfluences(sessions: readonly Session[]): Map<Session, number> {
  const score = ({ value, positive }: Session): number => (value - MEAN) / SPREAD + (positive ? DISTANCE : 0);
  const sorted = [...sessions].sort((one, other) => score(one) - score(other));
  const positives = sessions.filter(({ positive }) => positive).length;
  const negatives = sessions.length - positives;
  const placed: { readonly session: Session; readonly share: number }[] = [];
  let [above, below] = [positives, 0];
  for (const session of sorted) {
    if (session.positive) above -= 1;
    placed.push({ session, share: session.positive ? below / negatives : above / positives });
    if (!session.positive) below += 1;
  }
  const auc = placed.reduce((sum, { session, share }) => sum + (session.positive ? share : 0), 0) / positives;
  return new Map(
    placed.map(({ session, share }) => [session, auc + (sessions.length * (share - auc)) / (session.positive ? positives : negatives)]),
  );
}

function testSet(households: number, seed: number): Session[] {
  const normal = gaussian(seed);
  return Array.from({ length: households }, (_, household) => {
    const shared = normal() * Math.sqrt(CORRELATION);
    const taste = normal() * Math.sqrt(CORRELATION);
    return Array.from({ length: SESSIONS_EACH }, (): Session => {
      const value = MEAN + SPREAD * (shared + normal() * Math.sqrt(1 - CORRELATION));
      return {
        household,
        value,
        positive: normal() > 0,
        other: value - DIFFERENCE + (SPREAD / 3) * (taste + normal() * Math.sqrt(1 - CORRELATION)),
      };
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

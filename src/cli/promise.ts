/** What `longhaul run --by … --cost …` promises: what a person wrote, whether earlier runs say that it can be kept, and the document that holds it. */
import { hashOf } from '../compile/index.ts';
import { InvalidInputError } from '../contract/errors.ts';
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { secondsOf } from '../contract/units.ts';
import { duration, money } from '../present/format.ts';
import { trialsThatFit } from '../rules/promise.ts';
import { earlierTrials, estimateSearch, replicatesOf } from './estimate.ts';
import type { Earlier } from './earlier-runs.ts';
import { renderQuote } from './estimates.ts';

interface Asked {
  /** As it was written. */
  readonly by?: string;
  readonly cost?: number;
}

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const OF_DAY = /^(?:([a-z]+)-)?(\d{1,2}):(\d{2})$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})/;
const EXPECTED = 'a day and time as friday-18:00, a time as 18:00, a moment as 2026-12-04T18:00, or a duration as 36h';
/** Of earlier trials so many stand for all in the run document. */
const MOST_SAMPLES = 60;

/**
 * The moment, ms since 1970; days and times are those of this machine's zone.
 *
 * @throws {InvalidInputError} when it is none, or over
 */
export function momentOf(text: string, now: number): number {
  const moment = readMoment(text.trim().toLowerCase(), now);
  if (moment === null) refuse('--by', 'no moment', EXPECTED, text);
  if (moment <= now) refuse('--by', 'this moment is over', `a moment after ${new Date(now).toISOString()}`, text);
  return moment;
}

function readMoment(text: string, now: number): number | null {
  const [, day, hour, minute] = OF_DAY.exec(text) ?? [];
  if (hour !== undefined) {
    const wanted = day === undefined ? null : DAYS.findIndex((name) => name === day || name.slice(0, 3) === day);
    if (wanted === -1 || Number(hour) > 23 || Number(minute) > 59) return null;
    const at = new Date(now);
    at.setHours(Number(hour), Number(minute), 0, 0);
    while (at.getTime() <= now || (wanted !== null && at.getDay() !== wanted)) at.setDate(at.getDate() + 1);
    return at.getTime();
  }
  const [date, year, month, ofMonth] = DATE.exec(text) ?? [];
  if (date !== undefined) {
    // `Date.parse` takes the 30th of February for the 2nd of March, and a date alone for one of UTC.
    if (Number(ofMonth) > new Date(Number(year), Number(month), 0).getDate()) return null;
    const at = Date.parse(date === text ? `${date}T00:00` : text);
    return Number.isNaN(at) ? null : at;
  }
  const seconds = secondsOf(text);
  return Number.isFinite(seconds) ? now + seconds * 1000 : null;
}

interface Promised {
  readonly document: RunDocument;
  /** What it comes to, in words. */
  readonly says: string;
}

/**
 * @param searching the searches that would run
 * @throws {InvalidInputError} where it cannot be kept, by what earlier runs say
 */
export function promised(
  document: RunDocument,
  asked: Asked,
  searching: readonly string[],
  { trials, comparable, runs: here, unlike }: Earlier,
  now: number,
): Promised {
  const [step, ...more] = document.steps.filter(({ id }) => searching.includes(id));
  if (!step || more.length > 0 || step.spec.kind !== 'search')
    refuse(
      '--by, --cost',
      'these hold the one search of a run',
      'a pipeline in which one search would run',
      searching.join(', ') || 'none',
    );
  const spec = step.spec;
  const estimate = estimateSearch(step.id, spec, comparable, here);
  const known = earlierTrials(step.id, comparable, here);
  const after = spec.replicates === undefined ? {} : { after: { trainings: replicatesOf(spec), known: known.whole } };
  const by = asked.by === undefined ? null : momentOf(asked.by, now) - secondsAfter(step.id, trials, here) * 1000;
  const standing = {
    secondsLeft: by === null ? null : (by - now) / 1000,
    costLeft: asked.cost ?? null,
    begun: [],
    places: spec.parallel,
    ...after,
  };
  const fit = trialsThatFit({ ...standing, planned: spec.trials }, known.trials);
  const quote = renderQuote({ step: step.id, estimate, budget: null, unlike: unlike.filter((one) => one.step === step.id) }, document);
  const { currency } = document.profile;
  const what = [
    by === null ? null : `within ${duration(by - now)}`,
    asked.cost === undefined ? null : `for at most ${money(asked.cost, currency)}`,
  ]
    .filter((part) => part !== null)
    .join(' ');
  if ((by !== null && by <= now) || fit === 0)
    refuse('--by, --cost', `not even one trial is over in time and paid for, in 95 of 100 cases`, what, quote.replaceAll('\n', '; '));
  const promise: SearchSpec['promise'] = {
    ...(by === null ? {} : { by: new Date(by).toISOString() }),
    ...(asked.cost === undefined ? {} : { cost: asked.cost }),
    samples: sampled(known.trials),
    ...(spec.replicates === undefined ? {} : { finished: sampled(known.whole) }),
  };
  const steps = document.steps.map((one) => (one === step ? { ...one, spec: { ...spec, promise } } : one));
  const { hash: _hash, ...content } = document;
  const says =
    known.trials.length === 0
      ? `${step.id}: no earlier run to go by; it ends ${what} in any case, with what it has found by then`
      : `${quote}\n${step.id}: ${fit < spec.trials ? `about ${fit} of ${spec.trials}` : `all ${spec.trials}`} trials ${what}`;
  return { document: { ...content, steps, hash: hashOf({ ...content, steps }) }, says };
}

/** The longest that an earlier run went on after its search: what is promised is the end of the run. */
function secondsAfter(step: string, trials: readonly LedgerRow<'trials'>[], runs: readonly LedgerRow<'runs'>[]): number {
  const after = runs.map(({ run, ended_at: end }) => {
    const last = Math.max(...trials.filter((row) => row.run === run && row.step === step).map((row) => Date.parse(String(row.ended_at))));
    return typeof end === 'string' && Number.isFinite(last) ? (Date.parse(end) - last) / 1000 : 0;
  });
  return Math.max(0, ...after.filter((seconds) => Number.isFinite(seconds)));
}

/** Evenly by their length. */
function sampled(known: readonly { readonly seconds: number; readonly cost: number }[]): [number, number][] {
  const sorted = [...known].sort((a, b) => a.seconds - b.seconds);
  const count = Math.min(MOST_SAMPLES, sorted.length);
  return Array.from({ length: count }, (_, i) => {
    const { seconds, cost } = sorted[Math.floor(((i + 0.5) * sorted.length) / count)] ?? { seconds: 0, cost: 0 };
    return [Number(seconds.toPrecision(6)), Number(cost.toPrecision(6))];
  });
}

function refuse(path: string, message: string, expected: string, found: string): never {
  throw new InvalidInputError([{ file: 'run', path, message, expected, found }]);
}

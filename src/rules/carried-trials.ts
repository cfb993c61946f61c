/**
 * The trials of a search as it carries them over continue-as-new: packed, and as large as an input may be, whatever their number and age.
 * While there is room nothing is lost. Then curves are thinned (`thinned-curves.ts`), then ended trials lose what the ledger has: metrics
 * besides the first ones, long reasons, hashes and exports of all but the best. Pure.
 */
import { trialOutput } from '../contract/ids.ts';
import type { Packed, TrialRecord } from '../contract/search.ts';
import type { Objective, StoppingRule } from '../contract/search-space.ts';
import type { Json } from '../contract/values.ts';
import { jsonBytes, pack, unpack } from './packed-json.ts';
import { redrawn, thinned } from './thinned-curves.ts';
import type { Curve } from './thinned-curves.ts';

/** What is the same for all trials of a search, and so is not carried. */
export interface TrialPlaces {
  readonly output: string;
  readonly workflowId: (trial: number) => string;
}

export interface CarryingRules {
  readonly objective: Objective;
  readonly stopping: readonly StoppingRule[];
  /** Further objectives: by their series ended trials are compared with too. */
  readonly also?: readonly Objective[];
  /** Of all trials together. */
  readonly mostBytes: number;
}

/** How much of the trials is carried; each level is tried where the one before is too large. */
interface Allowance {
  /** Numbers in all curves together. */
  readonly numbers: number;
  /** Of ended trials, whose rows are in the ledger. */
  readonly metrics: number;
  readonly reasonCharacters: number;
  /** Hashes and exports of so many of the best. */
  readonly best: number;
  /** Newest stopped or failed trials that can go on where they were. */
  readonly resumable: number;
  /** Newest ended trials that others are compared with; the others keep their last point. */
  readonly compared: number;
}
const ALL = Number.POSITIVE_INFINITY;
const ALLOWANCES: readonly Allowance[] = [
  { numbers: ALL, metrics: 40, reasonCharacters: 300, best: ALL, resumable: ALL, compared: ALL },
  { numbers: 50_000, metrics: 12, reasonCharacters: 200, best: ALL, resumable: 1000, compared: ALL },
  { numbers: 30_000, metrics: 6, reasonCharacters: 120, best: 100, resumable: 300, compared: 2500 },
  { numbers: 20_000, metrics: 2, reasonCharacters: 60, best: 50, resumable: 100, compared: 1000 },
  { numbers: 8000, metrics: 0, reasonCharacters: 30, best: 20, resumable: 30, compared: 200 },
];
/** At least: larger ones need not be written to be known as too large. */
const BYTES_A_NUMBER = 3;
/** The next level would not do either. */
const MUCH_TOO_LARGE = 2;
/** Of numbers that others are compared with. */
const COMPARED_DIGITS = 7;
/** Stands for the trial's output at the beginning of a URI. */
const OUTPUT_MARK = '~';

export function packTrials(records: readonly TrialRecord[], places: TrialPlaces, rules: CarryingRules): Packed {
  const numbers = sum(records.flatMap((record) => (isSettled(record) ? [record.curve] : seriesOf(record))));
  let level = numbers * BYTES_A_NUMBER > rules.mostBytes ? 1 : 0;
  for (;;) {
    const allowance = ALLOWANCES[level] as Allowance;
    const packed = pack(reduced(records, rules, allowance).map((record) => slim(record, places)));
    const excess = jsonBytes(packed) / rules.mostBytes;
    if (excess <= 1 || level === ALLOWANCES.length - 1) return packed;
    level = Math.min(ALLOWANCES.length - 1, level + (excess > MUCH_TOO_LARGE ? 2 : 1));
  }
}

export function unpackTrials(packed: Packed, places: TrialPlaces): TrialRecord[] {
  return unpack(packed).map((value) => whole(value as Record<string, Json>, places));
}

/** A trial of which nothing is known but what it is to try. */
export function blankRecord(trial: number, { output, workflowId }: TrialPlaces): TrialRecord {
  return {
    state: {
      trial,
      parameters: {},
      origin: 'sampler',
      parent: null,
      output: trialOutput(output, trial),
      workflowId: workflowId(trial),
      status: 'queued',
      objective: null,
      points: 0,
      metrics: {},
      offline: {},
      reason: null,
      kept: false,
      priority: 0,
      attempts: 0,
      preemptions: 0,
      pool: null,
      startedAt: null,
      endedAt: null,
      cost: 0,
      onDemandCost: 0,
      lostCost: 0,
      bestExport: null,
    },
    active: false,
    runningSince: null,
    busyMs: 0,
    curve: [],
    series: {},
    values: [],
    asked: 0,
    told: null,
    space: null,
    progress: 0,
    lastProgress: null,
    exports: 0,
    evaluatedAt: null,
    toEvaluate: null,
    evaluatedExport: null,
    ending: null,
    weightsSha256: null,
    fork: null,
    carried: null,
    stopping: null,
    held: false,
    asking: null,
    unrecorded: false,
    inherited: false,
    heard: null,
  };
}

const isSettled = (record: TrialRecord): boolean => record.told !== null && !record.unrecorded;

function reduced(records: readonly TrialRecord[], rules: CarryingRules, allowance: Allowance): TrialRecord[] {
  const best = new Set(bestFirst(records, rules.objective).slice(0, allowance.best));
  const resumable = new Set(
    records
      .filter((record) => isSettled(record) && record.state.status !== 'succeeded')
      .sort((a, b) => (b.told ?? 0) - (a.told ?? 0))
      .slice(0, allowance.resumable),
  );
  const curves = curveCutter(records, rules, allowance);
  return records.map((record) => {
    const cut: TrialRecord = Object.assign({}, record, curves(record));
    if (!isSettled(record)) return cut;
    const { state } = record;
    return Object.assign(cut, {
      carried: resumable.has(record) ? record.carried : null,
      weightsSha256: best.has(record) ? record.weightsSha256 : null,
      state: Object.assign({}, state, {
        metrics: Object.fromEntries(Object.entries(state.metrics).slice(0, allowance.metrics)),
        reason: state.reason?.slice(0, allowance.reasonCharacters) ?? null,
        bestExport: best.has(record) || resumable.has(record) ? state.bestExport : null,
      }),
    });
  });
}

function bestFirst(records: readonly TrialRecord[], { goal }: Objective): TrialRecord[] {
  const worth = ({ values: [value] }: TrialRecord): number =>
    value === null || value === undefined ? Number.NEGATIVE_INFINITY : goal === 'maximize' ? value : -value;
  return records.filter((record) => record.state.bestExport !== null || record.weightsSha256 !== null).sort((a, b) => worth(b) - worth(a));
}

const seriesOf = ({ curve, series }: TrialRecord): Curve[] => [curve, ...Object.values(series)];
const sum = (curves: readonly Curve[]): number => curves.reduce((total, { length }) => total + length, 0);

/** Series of ended trials are of no use any more; their curves are compared with, by rules. */
function curveCutter(
  records: readonly TrialRecord[],
  { stopping, also = [] }: CarryingRules,
  { numbers: most, compared }: Allowance,
): (record: TrialRecord) => Pick<TrialRecord, 'curve' | 'series'> {
  const ended = records.filter(isSettled);
  const openSeries = records.filter((record) => !isSettled(record)).flatMap(seriesOf);
  const [openNumbers, endedNumbers] = [sum(openSeries), sum(ended.map(({ curve }) => curve))];
  if (openNumbers + endedNumbers <= most)
    return (record) => ({ curve: record.curve, series: isSettled(record) ? ofObjectives(record, also) : record.series });
  const newest = new Set(ended.sort((a, b) => (b.told ?? 0) - (a.told ?? 0)).slice(0, compared));
  const openShare = Math.min(openNumbers, Math.max(most / 2, most - endedNumbers));
  const openQuota = openShare / Math.max(1, openSeries.length);
  const endedQuota = (most - openShare) / Math.max(1, newest.size);
  const decisive = decisiveSteps(stopping, Math.max(...records.map(({ curve }) => curve.length), 0));
  const cut = (curve: Curve, quota: number, digits?: number): (number | null)[] =>
    thinned(curve, quota, decisive, digits) as unknown as (number | null)[];
  return (record) =>
    isSettled(record)
      ? { curve: newest.has(record) ? cut(record.curve, endedQuota, COMPARED_DIGITS) : lastPoint(record, cut), series: {} }
      : {
          curve: cut(record.curve, openQuota),
          series: Object.fromEntries(Object.entries(record.series).map(([name, curve]) => [name, cut(curve, openQuota)])),
        };
}

const ofObjectives = ({ series }: TrialRecord, objectives: readonly Objective[]): TrialRecord['series'] =>
  Object.fromEntries(Object.entries(series).filter(([name]) => objectives.some(({ metric }) => metric === name)));

/** The sampler is told where a trial was stopped. */
const lastPoint = (record: TrialRecord, cut: (curve: Curve, quota: number) => (number | null)[]): (number | null)[] =>
  record.state.status === 'stopped' ? cut(record.curve, 1) : [];

/** Points (from 1) at which successive halving compares trials. */
function decisiveSteps(rules: readonly StoppingRule[], longest: number): number[] {
  const steps = new Set<number>();
  for (const rule of rules)
    if (rule.kind === 'asha' || rule.kind === 'hyperband')
      for (let step = rule.minResource; step <= longest; step *= rule.reductionFactor) steps.add(step);
  return [...steps];
}

/** Only what differs from a trial of which nothing is known. */
function slim(record: TrialRecord, places: TrialPlaces): object {
  const blank = blankRecord(record.state.trial, places);
  const { bestExport, output } = record.state;
  const shortened = bestExport?.startsWith(output) ? `${OUTPUT_MARK}${bestExport.slice(output.length)}` : bestExport;
  const state = differences(Object.assign({}, record.state, { bestExport: shortened }), blank.state);
  const rest = differences(record, blank);
  if (isObjective(record)) delete rest.values;
  return Object.assign(rest, { state: Object.assign({ trial: record.state.trial }, state) });
}

/** Where there is one objective, its value is in the state too. */
const isObjective = ({ told, values, state }: TrialRecord): boolean =>
  told !== null && values.length === 1 && values[0] === state.objective;

function differences(value: object, usual: object): Record<string, unknown> {
  const other = new Map<string, unknown>(Object.entries(usual));
  return Object.fromEntries(
    Object.entries(value).filter(([key, field]) => field !== undefined && field !== other.get(key) && !(isEmpty(field) && other.has(key))),
  );
}

const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function whole(value: Record<string, Json>, places: TrialPlaces): TrialRecord {
  const slimState = value.state as unknown as Partial<TrialRecord['state']> & { trial: number };
  const record = blankRecord(slimState.trial, places);
  Object.assign(record, value, { state: Object.assign(record.state, slimState) });
  const { bestExport, output } = record.state;
  if (bestExport?.startsWith(OUTPUT_MARK)) record.state.bestExport = `${output}${bestExport.slice(OUTPUT_MARK.length)}`;
  if (record.told !== null && record.values.length === 0) record.values = [record.state.objective];
  record.curve = redrawn(record.curve);
  record.series = Object.fromEntries(Object.entries(record.series).map(([name, curve]) => [name, redrawn(curve)]));
  return record;
}

/** Audits: which windows are trained again, and what follows from what came of it. Pure. */
import type { AuditedPair, AuditVerdict, FirstDifference, Pair, Repeated } from '../contract/audit.ts';
import { digest } from '../contract/ids.ts';
import type { Profile } from '../contract/profile.ts';
import { inPools, poolOrder } from './placement.ts';

/** What is known of so many fits into one history. */
const MAX_WINDOWS = 500;

/**
 * Pairs in an order that the run's name draws, as many as keep within the share.
 *
 * @param trained samples of all trials
 */
export function chooseWithin(
  pairs: readonly AuditedPair[],
  run: string,
  trained: number,
  share: number,
): { readonly chosen: readonly AuditedPair[]; readonly left: number } {
  const drawn = [...pairs].sort((a, b) => drawOf(run, a).localeCompare(drawOf(run, b)));
  const chosen: AuditedPair[] = [];
  let samples = 0;
  for (const pair of drawn) {
    if (chosen.length === MAX_WINDOWS || samples + pair.samples > share * trained) continue;
    samples += pair.samples;
    chosen.push(pair);
  }
  return { chosen, left: pairs.length - chosen.length };
}

const drawOf = (run: string, { step, trial, from }: AuditedPair): string => digest(`${run}/${step}/${trial}/${from}`);

type Digests = Pick<Pair | Repeated, 'names' | 'points'>;

/** The first boundary, of those that both have, at which two trainings of a window differ; null: they are equal at all of them. */
export function firstDifference(one: Digests, other: Digests, from: number): FirstDifference | null {
  const others = new Map(other.points.map((point) => [point.step, point]));
  let last: { step: number; boundary: number } = { step: from, boundary: 0 };
  for (const point of one.points) {
    const twin = others.get(point.step);
    if (twin === undefined) continue;
    const tensors = differing(named(one.names, point.digests), named(other.names, twin.digests));
    if (tensors.length === 0 && point.samples === twin.samples) {
      last = point;
      continue;
    }
    return {
      step: point.step,
      after: last.step,
      exact: point.boundary === last.boundary + 1,
      tensors: tensors.length === 0 ? ['position'] : tensors,
    };
  }
  return null;
}

const named = (names: readonly string[], digests: readonly (string | null)[]): ReadonlyMap<string, string> =>
  new Map(names.flatMap((name, index): [string, string][] => (digests[index] == null ? [] : [[name, digests[index]]])));

function differing(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => one.get(name) !== other.get(name));
}

/** Whether both have the window's end, so that nothing is called equal that was not compared. */
export const isWhole = (pair: Pair, repeated: Digests): boolean => repeated.points.at(-1)?.step === pair.to.step;

/**
 * What follows from where three trainings of a window differ, of which the first is the run's own.
 *
 * @param origin against the run's; undefined: it was not trained again in the first pool, or could not be
 * @param others of the two repetitions from each other
 */
export function verdictOf(
  again: FirstDifference | null,
  origin: FirstDifference | null | undefined,
  others: FirstDifference | null | undefined,
): AuditVerdict {
  if (again === null) return 'equal';
  if (origin === undefined || others === undefined) return 'different';
  if (origin === null) return 'machine';
  return others === null ? 'once' : 'unstable';
}

const CANNOT_KNOW =
  'Bits may depend on the type of processor and its instructions (oneDNN, BLAS), on the number of threads, on versions and on kernels of GPUs';

/** @param changes of the machine's facts, `name (was x, is y)` */
export function whyOf(verdict: AuditVerdict, changes: readonly string[], failure: string | null): string {
  const machines =
    changes.length === 0 ? 'the facts that are known of both machines are equal' : `the machines differ: ${changes.join('; ')}`;
  switch (verdict) {
    case 'equal':
      return changes.length === 0
        ? 'trained again, all bits are equal; a machine of another kind was not tried'
        : `trained again, all bits are equal, although ${machines}`;
    case 'once':
      return (
        'two other trainings of the window agree with each other, and not with the first one: a fault of its machine at that moment, or state ' +
        'that is not kept (a random generator of one’s own, a file, a clock)'
      );
    case 'machine':
      return `in the first pool it comes out equal, in the other one not: ${machines}. ${CANNOT_KNOW}`;
    case 'unstable':
      return `no two trainings of the window agree: it is not deterministic (threads, kernels of GPUs, clocks, an order that nothing decides); ${machines}`;
    case 'different':
      return `trained again it comes out different, and it could not be trained a third time; ${machines}. ${CANNOT_KNOW}`;
    case 'unknown':
      return `it could not be trained again: ${failure ?? 'nobody knows why'}`;
  }
}

/** Facts of two machines that differ, also those that only one of them has told. */
export function machineChanges(was: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(was), ...Object.keys(now)])]
    .filter((name) => was[name] !== now[name])
    .map((name) => `${name} (was ${was[name] ?? 'not told'}, is ${now[name] ?? 'not told'})`);
}

/** The profile with its pools in the order in which the window is trained: elsewhere first, or where it was at first. */
export function placedFor(profile: Profile, side: 'elsewhere' | 'there', pool: string | null): Profile {
  const order = poolOrder(profile.placement, profile.pools).map(({ name }) => name);
  const there = order.filter((name) => name === pool);
  const elsewhere = order.filter((name) => name !== pool);
  return inPools(profile, side === 'there' ? [...there, ...elsewhere] : [...elsewhere, ...there]);
}

/** A name that no run has; jobs of the audit's trainings and their rows go by it. */
const AUDIT_NAME = /^(?<run>.+)\.audit-[0-9a-f]{8}(?:\.(?:origin|closer))?$/;
/** The run that this audit is of; null: it is none. */
export const auditedRun = (name: string): string | null => AUDIT_NAME.exec(name)?.groups?.run ?? null;

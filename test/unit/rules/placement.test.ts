import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptVerdict } from '../../../src/contract/jobs.ts';
import { Placement, Pool } from '../../../src/contract/profile.ts';
import type { PlacementState, PoolRates } from '../../../src/contract/trial-run.ts';
import {
  afterAttempt,
  afterFound,
  afterWaiting,
  backoffSeconds,
  choosePool,
  initialPlacement,
  learnsRates,
} from '../../../src/rules/placement.ts';
import type { PlacementChoice, PlacementInput } from '../../../src/rules/placement.ts';
import { poolRates } from '../../../src/rules/pool-rates.ts';
import { spareSeconds } from '../../../src/rules/deadline-slack.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const START = 1_000_000;
const pool = (name: string, more: object = {}): Pool =>
  Pool.parse({ name, spot: name.startsWith('spot'), pricePerHour: name.startsWith('spot') ? 0.3 : 1, ...more });
const POOLS = [pool('spot-a'), pool('spot-b'), pool('spot-c'), pool('on-demand')];
const rules = (changes: object = {}): Placement => Placement.parse(changes);

const choose = (moment: Partial<PlacementInput> = {}): PlacementChoice =>
  choosePool({
    rules: rules(),
    pools: POOLS,
    state: initialPlacement,
    now: START,
    deadlineAt: null,
    remainingSeconds: null,
    rates: null,
    ...moment,
  });
/** Five days to go in all; so many have passed, and so many of work are left. */
const inDays = (passed: number, left: number, more: Partial<PlacementInput> = {}): PlacementChoice =>
  choose({
    rules: rules({ deadlineSeconds: 5 * DAY }),
    now: START + passed * DAY * 1000,
    deadlineAt: START + 5 * DAY * 1000,
    remainingSeconds: left * DAY,
    trainedSeconds: DAY,
    ...more,
  });
const names = (choice: PlacementChoice): string[] => choice.looks.map((look) => look.pool.name);
/** Attempts ended so, one after the other, each where the one before led to. */
const after = (verdicts: readonly AttemptVerdict[], own = rules()): PlacementState =>
  verdicts.reduce<PlacementState>((state, verdict) => afterAttempt(choose({ rules: own, state }), verdict), initialPlacement);
const met = (name: string, kind: 'preempted' | 'empty' | 'other', times: number, hours = 0): PoolRates =>
  poolRates(
    Array.from({ length: times }, () => ({ pool: name, kind, at: START, hours: hours / times })),
    START,
  );

describe('which pool is asked', () => {
  it('is the first one, where nothing is known', () => {
    expect(choose()).toMatchObject({ pool: { name: 'spot-a' }, waitSeconds: null, looks: [] });
    expect(choose({ rules: rules({ order: ['spot-c', 'spot-a', 'on-demand'] }) }).pool.name).toBe('spot-c');
  });

  it.each(['preempted', 'silent', 'no-capacity'] as const)('is not the one that just ended an attempt as %s', (verdict) => {
    const state = afterAttempt(choose(), verdict);
    expect(choose({ state }).pool.name).toBe('spot-b');
    expect(choose({ state: afterAttempt(choose({ state }), verdict) }).pool.name).not.toBe('spot-b');
  });

  it('stays where an attempt ended by its own fault', () => {
    for (const verdict of ['crashed', 'deleted', 'out-of-memory', 'fenced', 'stopped'] as const)
      expect(choose({ state: after(['preempted', verdict]) }).pool.name).toBe('spot-a');
  });

  it.each([
    ['preempts often', met('spot-a', 'preempted', 8, 4)],
    ['has no machine most of the time', met('spot-a', 'empty', 8)],
  ])('is not one that %s by the ledger, until that was long ago', (_, rates) => {
    expect(choose({ rates }).pool.name).toBe('spot-b');
    expect(choose({ rates, now: START + 30 * DAY * 1000 }).pool.name).toBe('spot-a');
  });

  it('is one of which the ledger knows that it keeps its machines', () => {
    expect(choose({ rates: met('spot-c', 'other', 3, 30) }).pool.name).toBe('spot-c');
  });

  it('is the cheapest one, unless the order says otherwise', () => {
    const pools = [pool('spot-a'), pool('spot-b', { pricePerHour: 0.2 }), pool('on-demand')];
    expect(choose({ pools }).pool.name).toBe('spot-b');
    expect(choose({ pools, rules: rules({ order: ['spot-a', 'spot-b', 'on-demand'] }) }).pool.name).toBe('spot-a');
    expect(choose({ pools: [pool('spot-a'), pool('spot-b', { pricePerHour: 0 })] }).pool.name).toBe('spot-a');
  });

  it('is in another cluster only where that pays for what is read over the border', () => {
    const pools = [pool('spot-a', { cluster: 'eu' }), pool('spot-b', { cluster: 'us', pricePerHour: 0.25, egressPerGb: 0.05 })];
    expect(choose({ pools }).pool.name).toBe('spot-b');
    expect(choose({ pools, rules: rules({ movedGb: 40 }) }).pool.name).toBe('spot-a');
    const there = { ...initialPlacement, position: 1 };
    expect(choose({ pools, rules: rules({ movedGb: 40 }), state: there }).pool.name).toBe('spot-b');
  });

  it('is the on-demand one first where it stands first', () => {
    const own = rules({ order: ['on-demand', 'spot-a'], deadlineSeconds: 5 * DAY });
    expect(inDays(1, 1, { rules: own })).toMatchObject({ pool: { name: 'on-demand' }, looks: [] });
    const state = afterAttempt(inDays(1, 1, { rules: own }), 'no-capacity');
    expect(inDays(1, 1, { rules: own, state }).pool.name).toBe('spot-a');
  });
});

describe('without a deadline', () => {
  it('goes on demand where no spot pool has a machine, or all preempt as often as allowed, and comes back in time', () => {
    expect(choose({ state: after(['no-capacity', 'no-capacity', 'no-capacity']) }).pool.name).toBe('on-demand');
    const own = rules({ preemptionsBeforeNext: 1, retrySpotSeconds: HOUR });
    const state = after(['preempted', 'preempted', 'preempted'], own);
    const away = choose({ rules: own, state });
    expect(away).toMatchObject({ pool: { name: 'on-demand' } });
    expect(away.looks.map(({ afterSeconds }) => afterSeconds)).toEqual([HOUR, HOUR, HOUR]);
    const later = { rules: own, state: afterAttempt(away, 'crashed') };
    expect(choose({ ...later, now: START + (HOUR - 1) * 1000 }).pool.name).toBe('on-demand');
    expect(choose({ ...later, now: START + HOUR * 1000 }).pool.name).toBe('spot-a');
  });

  it('asks them in turn where there is nothing else, with a pause after each round that found no machine', () => {
    const pools = POOLS.slice(0, 3);
    const state = (['spot-a', 'spot-b', 'spot-c'] as const).reduce<PlacementState>(
      (each) => afterAttempt(choose({ pools, state: each }), 'no-capacity'),
      initialPlacement,
    );
    expect(state.empty).toEqual(['spot-a', 'spot-b', 'spot-c']);
    // The first ask of a new round is an attempt again.
    expect(choose({ pools, state })).toMatchObject({ pool: { name: 'spot-a' }, waitSeconds: null });
    expect(backoffSeconds('no-capacity', 0, state, 3)).toBe(30);
  });
});

describe('with a deadline', () => {
  const emptied = (passed: number, left: number): PlacementChoice => {
    const asked = inDays(passed, left);
    return inDays(passed, left, { state: afterAttempt(asked, 'no-capacity') });
  };

  it('asks one pool, then looks at all of them with nothing running while there is time', () => {
    const waiting = emptied(0.5, 1);
    expect(names(waiting)).toEqual(['spot-a', 'spot-b', 'spot-c']);
    expect(waiting.waitSeconds).toBeGreaterThan(6 * HOUR);
    expect(waiting.looks.every(({ afterSeconds }) => afterSeconds === 0)).toBe(true);
  });

  it('looks for a moment where it is behind, then goes on demand and looks on from there', () => {
    const [passed, left] = [2.5, 2.2];
    const waiting = emptied(passed, left);
    expect(waiting.waitSeconds).toBe(180);
    const away = inDays(passed, left, { state: afterWaiting(waiting) });
    expect([away.pool.name, away.waitSeconds, names(away)]).toEqual(['on-demand', null, ['spot-a', 'spot-b', 'spot-c']]);
    expect(away.looks.every(({ afterSeconds }) => afterSeconds === 0)).toBe(true);
    const found = inDays(passed, left, { state: afterFound(afterAttempt(away, 'stopped'), POOLS[2]!) });
    expect([found.pool.name, found.reason, found.waitSeconds]).toEqual(['spot-c', 'it has a machine', null]);
  });

  it('waits for the only spot pool in its own queue', () => {
    const pools = [pool('spot-a'), pool('on-demand')];
    const choice = inDays(0.5, 1, { pools });
    expect([choice.pool.name, choice.waitSeconds]).toEqual(['spot-a', null]);
    expect(choice.noCapacitySeconds).toBeGreaterThan(6 * HOUR);
  });

  it('needs a machine that stays at the end, and then looks for nothing', () => {
    expect(inDays(4, 0.99)).toMatchObject({ pool: { name: 'on-demand' }, looks: [], waitSeconds: null });
  });

  it('does not leave on-demand for a pool that takes its machines back within minutes, or for the last minutes of the work', () => {
    const away = afterWaiting(emptied(2.5, 2.2));
    const rates = met('spot-b', 'preempted', 200, 10);
    expect(names(inDays(2.5, 2.2, { state: away, rates: { ...rates, at: START + 2.5 * DAY * 1000 } }))).toEqual(['spot-a', 'spot-c']);
    const nearlyDone = { state: { ...after(['no-capacity', 'no-capacity', 'no-capacity']), position: 3 } };
    expect(names(choose({ ...nearlyDone, remainingSeconds: HOUR }))).toHaveLength(3);
    expect(names(choose({ ...nearlyDone, remainingSeconds: 240 }))).toEqual([]);
  });

  it('looks for spot where the prices say that it is not cheaper: the order says more', () => {
    const pools = POOLS.map((each) => ({ ...each, pricePerHour: 1 }));
    expect(names(inDays(2.5, 2.2, { pools, state: afterWaiting(emptied(2.5, 2.2)) }))).toHaveLength(3);
  });

  it('looks for a pool that may be full of other attempts at the time of the rules only', () => {
    const pools = [pool('spot-a', { maxAttempts: 4 }), pool('spot-b'), pool('on-demand')];
    const state = { ...initialPlacement, empty: ['spot-a', 'spot-b'], emptyPools: 2 };
    const { looks } = inDays(2.5, 2.2, { pools, state });
    expect(looks.map((look) => [look.pool.name, look.afterSeconds])).toEqual([
      ['spot-a', 6 * HOUR],
      ['spot-b', 0],
    ]);
  });
});

describe('pauses', () => {
  it('are made where haste is of no use', () => {
    const none = initialPlacement;
    expect(backoffSeconds('preempted', 9, none, 3)).toBe(0);
    expect([1, 2, 3].map((n) => backoffSeconds('crashed', n, none, 3))).toEqual([5, 10, 20]);
    const all = (rounds: number): PlacementState => ({ ...none, empty: ['a', 'b', 'c'], emptyPools: 3 * rounds });
    expect([1, 2, 3, 99].map((rounds) => backoffSeconds('no-capacity', 0, all(rounds), 3))).toEqual([30, 60, 120, 600]);
    expect(backoffSeconds('no-capacity', 0, { ...none, empty: ['a'], emptyPools: 1 }, 3)).toBe(0);
  });
});

describe('whatever happens', () => {
  const verdict = fc.constantFrom<AttemptVerdict>('preempted', 'no-capacity', 'deleted', 'silent', 'crashed', 'stopped', 'fenced');
  const life = fc.record({
    rules: fc.record({
      preemptionsBeforeNext: fc.integer({ min: 1, max: 4 }),
      noCapacitySeconds: fc.integer({ min: 1, max: 3600 }),
      retrySpotSeconds: fc.constantFrom(0, 60, 3600, 21_600),
    }),
    pools: fc
      .array(fc.record({ spot: fc.boolean(), pricePerHour: fc.constantFrom(0, 0.3, 1), capped: fc.boolean() }), {
        minLength: 1,
        maxLength: 5,
      })
      .map((kinds) =>
        kinds.map(({ spot, pricePerHour, capped }, i) =>
          Pool.parse({ name: `p${i}`, spot, pricePerHour, ...(capped ? { maxAttempts: 2 } : {}) }),
        ),
      ),
    steps: fc.array(fc.record({ verdict, seconds: fc.integer({ min: 1, max: 7200 }), isFound: fc.boolean() }), { maxLength: 40 }),
    deadlineSeconds: fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: undefined }),
    remainingSeconds: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: null }),
  });
  type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;
  const live = (each: Life, look: (choice: PlacementChoice, input: PlacementInput) => void): void => {
    const { deadlineSeconds, remainingSeconds, pools } = each;
    const own = rules({ ...each.rules, ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }) });
    const deadlineAt = deadlineSeconds === undefined ? null : START + deadlineSeconds * 1000;
    let [state, now] = [initialPlacement, START];
    for (const step of each.steps) {
      const input = { rules: own, pools, state, now, deadlineAt, remainingSeconds, rates: null };
      const choice = choosePool(input);
      look(choice, input);
      now += step.seconds * 1000;
      state = choice.waitSeconds === null ? afterAttempt(choice, step.verdict) : afterWaiting(choice);
      const found = choice.looks.at(-1);
      if (step.isFound && found) state = afterFound(state, found.pool);
    }
  };

  it('there is a pool of the profile, a wait that has an end and is worth a second, looks at other spot pools, and the same answer again', () => {
    fc.assert(
      fc.property(life, (each) => {
        live(each, (choice, input) => {
          expect(each.pools[choice.state.position]).toBe(choice.pool);
          expect(choice.noCapacitySeconds).toBeGreaterThanOrEqual(1);
          if (choice.waitSeconds !== null) expect([choice.waitSeconds > 0, choice.looks.length > 1]).toEqual([true, true]);
          for (const look of choice.looks) expect([look.pool.spot, look.afterSeconds >= 0]).toEqual([true, true]);
          expect(choosePool(input)).toEqual(choice);
        });
      }),
    );
  });

  it('time that is up means on-demand, unless that was just found empty', () => {
    fc.assert(
      fc.property(life, (each) => {
        const stays = each.pools.filter(({ spot }) => !spot).map(({ name }) => name);
        fc.pre(stays.length > 0);
        live(each, (choice, input) => {
          const spare = spareSeconds(input);
          const empty = new Set(input.state.empty);
          const isUp = spare !== null && spare <= 0;
          if (isUp && !stays.every((name) => empty.has(name))) expect([choice.pool.spot, choice.waitSeconds]).toEqual([false, null]);
          // Where nobody has a machine it waits for whichever comes, and looks at them.
          if (isUp && choice.waitSeconds === null) expect(choice.looks).toEqual([]);
        });
      }),
    );
  });

  it('a trial that loses every machine asks every spot pool, and no pool twice in a row while there is another', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<AttemptVerdict>('preempted', 'silent', 'no-capacity'), { minLength: 12, maxLength: 40 }),
        (verdicts) => {
          let state = initialPlacement;
          const asked: string[] = [];
          for (const each of verdicts) {
            const choice = choose({ state, rules: rules({ preemptionsBeforeNext: 100 }) });
            if (choice.pool.spot) expect(choice.pool.name).not.toBe(asked.at(-1));
            asked.push(choice.pool.name);
            state = afterAttempt(choice, each);
          }
          expect(new Set(asked.filter((name) => name.startsWith('spot'))).size).toBeGreaterThan(1);
        },
      ),
    );
  });
});

it('has something to learn where there is a choice between spot pools', () => {
  expect([learnsRates(rules(), POOLS), learnsRates(rules({ order: ['spot-a', 'on-demand'] }), POOLS)]).toEqual([true, false]);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptVerdict } from '../../../src/contract/jobs.ts';
import { Placement, Pool } from '../../../src/contract/profile.ts';
import type { PlacementState } from '../../../src/contract/trial-run.ts';
import {
  afterAttemptV1 as afterAttempt,
  backoffSecondsV1 as backoffSeconds,
  choosePoolV1 as choosePool,
  spotPositionsV1 as spotPositions,
} from '../../../src/rules/placement-v1.ts';
import { initialPlacement, poolOrder } from '../../../src/rules/placement.ts';
import { remainingSeconds, spareSeconds } from '../../../src/rules/deadline-slack.ts';
import type { PlacementChoice } from '../../../src/rules/placement.ts';

const pool = (name: string, spot: boolean): Pool => Pool.parse({ name, spot });
const POOLS = [pool('spot-a', true), pool('spot-b', true), pool('on-demand', false)];
const rules = (changes: Partial<Placement> = {}): Placement => ({ ...Placement.parse({}), ...changes });
const START = 1_000_000;

interface Moment {
  readonly rules?: Placement;
  readonly state?: PlacementState;
  readonly now?: number;
  readonly deadlineAt?: number | null;
  readonly remainingSeconds?: number | null;
  readonly pools?: readonly Pool[];
  readonly spreads?: boolean;
}
const choose = (moment: Moment = {}): PlacementChoice =>
  choosePool({ rules: rules(), pools: POOLS, state: initialPlacement, now: START, deadlineAt: null, remainingSeconds: null, ...moment });
/** The state after these verdicts, each attempt in the pool that was chosen, an hour apart from each other unless told otherwise. */
const after = (verdicts: readonly AttemptVerdict[], own = rules(), secondsBetween = 60): { state: PlacementState; now: number } => {
  let state = initialPlacement;
  let now = START;
  for (const verdict of verdicts) {
    state = choose({ rules: own, state, now }).state;
    now += secondsBetween * 1000;
    state = afterAttempt(own, POOLS.length, state, verdict, now);
  }
  return { state, now };
};

describe('placement as it was until 0.2.0', () => {
  it('takes the first pool first, in the order of the rules', () => {
    expect(choose().pool.name).toBe('spot-a');
    expect(poolOrder(rules({ order: ['on-demand', 'spot-b'] }), POOLS).map(({ name }) => name)).toEqual(['on-demand', 'spot-b']);
  });

  it('stays after fewer preemptions than allowed, moves on after as many', () => {
    const own = rules({ preemptionsBeforeNext: 2 });
    expect(choose({ rules: own, ...after(['preempted'], own) }).pool.name).toBe('spot-a');
    expect(choose({ rules: own, ...after(['preempted', 'preempted'], own) }).pool.name).toBe('spot-b');
    expect(choose({ rules: own, ...after(Array<AttemptVerdict>(4).fill('preempted'), own) }).pool.name).toBe('on-demand');
  });

  it('moves on at once where there is no capacity, and comes round again', () => {
    const names = [1, 2, 3].map((times) => choose(after(Array<AttemptVerdict>(times).fill('no-capacity'))).pool.name);
    expect(names).toEqual(['spot-b', 'on-demand', 'spot-a']);
  });

  it('tries the first pool again when its time has come, and plans to look for it then', () => {
    const own = rules({ preemptionsBeforeNext: 1, retrySpotSeconds: 3600 });
    const { state, now } = after(['preempted', 'preempted'], own, 1);
    const early = choose({ rules: own, state, now: now + 1000 });
    expect(early.pool.name).toBe('on-demand');
    expect(early.looks[0]?.afterSeconds).toBeGreaterThan(3500);
    const later = choose({ rules: own, state, now: now + 3600_000 });
    expect([later.pool.name, later.state]).toEqual(['spot-a', initialPlacement]);
  });

  it('uses on-demand when the rest would not end in time otherwise, and stays there', () => {
    const remaining = 3600;
    const loose = choose({ deadlineAt: START + 3 * 3600_000, remainingSeconds: remaining });
    expect(loose.pool.name).toBe('spot-a');
    const tight = choose({ deadlineAt: START + 1.1 * 3600_000, remainingSeconds: remaining });
    expect([tight.pool.name, tight.looks]).toEqual(['on-demand', []]);
  });

  describe('with a deadline in five days', () => {
    const DAY = 24 * 3600;
    const own = rules({ deadlineSeconds: 5 * DAY });
    const later = (days: number, remainingDays: number | null, trainedDays: number): PlacementChoice =>
      choosePool({
        rules: own,
        pools: POOLS,
        state: { ...initialPlacement, position: 2, leftFirstAt: START + days * DAY * 1000 - 60_000, emptyPools: 2 },
        now: START + days * DAY * 1000,
        deadlineAt: START + 5 * DAY * 1000,
        remainingSeconds: remainingDays === null ? null : remainingDays * DAY,
        trainedSeconds: trainedDays * DAY,
      });

    it('waits for spot while there is time, and does not while it is behind', () => {
      const [early, behind] = [later(0.2, 1, 0.2), later(3, 1.9, 0.9)];
      expect([early.pool.name, early.reason]).toEqual(['spot-a', 'the deadline leaves time to wait for spot']);
      expect(behind.pool.name).toBe('on-demand');
    });

    it('waits a tenth of the time before anything was trained', () => {
      expect([later(0.1, null, 0).pool.name, later(0.6, null, 0).pool.name]).toEqual(['spot-a', 'on-demand']);
    });

    it('does not take the first minutes for the pace of the training', () => {
      expect(later(0.01, 30, 0.01).pool.name).toBe('spot-a');
      expect(later(0.2, 30, 0.2).pool.name).toBe('on-demand');
    });

    /** One pool of each kind; `emptyPools`: spot was just found empty, or not. */
    const onDemandAt = (days: number, remainingDays: number, emptyPools: number, more: Partial<Pool> = {}): PlacementChoice =>
      choosePool({
        rules: own,
        pools: [{ ...pool('spot', true), ...more }, pool('on-demand', false)],
        state: { ...initialPlacement, position: 1, leftFirstAt: START + days * DAY * 1000 - 60_000, emptyPools },
        now: START + days * DAY * 1000,
        deadlineAt: START + 5 * DAY * 1000,
        remainingSeconds: remainingDays * DAY,
        trainedSeconds: 0.9 * DAY,
      });

    it('looks for spot at once while it trains on demand, unless moving could cost the deadline', () => {
      expect(onDemandAt(3, 1.8, 1)).toMatchObject({ pool: { name: 'on-demand' }, looks: [{ afterSeconds: 0 }] });
      expect(onDemandAt(3, 1.99, 1)).toMatchObject({ pool: { name: 'on-demand' }, looks: [] });
    });

    it('moves when there is a machine, and waits there as long as that may take', () => {
      expect(onDemandAt(3, 1.8, 0)).toMatchObject({ pool: { name: 'spot' }, noCapacitySeconds: own.noCapacitySeconds });
    });

    it('looks for a pool that may be full of other attempts at the time of the rules only', () => {
      expect(onDemandAt(3, 1.8, 1, { maxAttempts: 4 }).looks[0]?.afterSeconds).toBe(own.retrySpotSeconds - 60);
    });

    it('waits for the only pool of spot in one piece, until what is kept for later begins', () => {
      const { pool: chosen, noCapacitySeconds } = onDemandAt(1, 1, 0);
      expect(chosen.name).toBe('spot');
      expect(noCapacitySeconds).toBeGreaterThan(DAY);
      expect(onDemandAt(1 + (noCapacitySeconds - 60) / DAY, 1, 1).pool.name).toBe('spot');
      expect(onDemandAt(1 + (noCapacitySeconds + 60) / DAY, 1, 1).pool.name).toBe('on-demand');
    });
  });

  it('waits for spot no longer than the deadline spares', () => {
    const choice = choose({ deadlineAt: START + 3600_000, remainingSeconds: 1800 });
    const spare = spareSeconds({ now: START, deadlineAt: START + 3600_000, remainingSeconds: 1800 })!;
    expect(choice.pool.spot).toBe(true);
    expect(choice.noCapacitySeconds).toBe(Math.max(10, Math.min(600, Math.round(spare))));
  });

  it('estimates the rest by the share done', () => {
    expect(remainingSeconds(0.25, 100)).toBe(300);
    expect([remainingSeconds(null, 100), remainingSeconds(0, 100), remainingSeconds(1, 100)]).toEqual([null, null, 0]);
  });

  it('pauses before the next attempt only where haste is of no use', () => {
    expect(backoffSeconds('preempted', 9, 0, 3)).toBe(0);
    expect([1, 2, 3].map((n) => backoffSeconds('crashed', n, 0, 3))).toEqual([5, 10, 20]);
    expect([1, 2, 3, 6].map((empty) => backoffSeconds('no-capacity', 0, empty, 3))).toEqual([0, 0, 30, 60]);
    expect(backoffSeconds('no-capacity', 0, 300, 3)).toBe(600);
  });

  describe('whatever happens', () => {
    const verdict = fc.constantFrom<AttemptVerdict>('preempted', 'no-capacity', 'deleted', 'silent', 'crashed', 'out-of-memory', 'fenced');
    const anyRules = fc.record({
      order: fc.constant<string[]>([]),
      preemptionsBeforeNext: fc.integer({ min: 1, max: 4 }),
      noCapacitySeconds: fc.integer({ min: 1, max: 3600 }),
      retrySpotSeconds: fc.constantFrom(0, 60, 3600, 21_600),
    });
    const step = fc.record({ verdict, seconds: fc.integer({ min: 1, max: 7200 }) });
    const life = fc.record({
      rules: anyRules,
      pools: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }).map((spots) => spots.map((spot, i) => pool(`p${i}`, spot))),
      steps: fc.array(step, { maxLength: 40 }),
      deadlineSeconds: fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: null }),
      remaining: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: null }),
    });
    /** Lives through the steps and shows every choice. */
    function live(
      { rules: own, pools, steps, deadlineSeconds, remaining }: typeof life extends fc.Arbitrary<infer T> ? T : never,
      look: (choice: PlacementChoice, before: PlacementState, now: number, verdicts: readonly AttemptVerdict[]) => void,
    ): void {
      let state = initialPlacement;
      let now = START;
      const deadlineAt = deadlineSeconds === null ? null : START + deadlineSeconds * 1000;
      const verdicts: AttemptVerdict[] = [];
      for (const { verdict: end, seconds } of steps) {
        const choice = choosePool({ rules: own, pools, state, now, deadlineAt, remainingSeconds: remaining });
        look(choice, state, now, verdicts);
        now += seconds * 1000;
        state = afterAttempt(own, pools.length, choice.state, end, now);
        verdicts.push(end);
      }
    }

    it('there is a pool, one of the profile, a wait of at least a second, and the same answer again', () => {
      fc.assert(
        fc.property(life, (each) => {
          live(each, (choice, before, now) => {
            expect(each.pools).toContain(choice.pool);
            expect(choice.noCapacitySeconds).toBeGreaterThanOrEqual(1);
            expect(each.pools[choice.state.position]).toBe(choice.pool);
            const deadlineAt = each.deadlineSeconds === null ? null : START + each.deadlineSeconds * 1000;
            const again = { rules: each.rules, pools: each.pools, state: before, now, deadlineAt, remainingSeconds: each.remaining };
            expect(choosePool(again)).toEqual(choice);
          });
        }),
      );
    });

    it('a missed margin means on-demand, unless that was just found empty', () => {
      fc.assert(
        fc.property(life, (each) => {
          fc.pre(each.deadlineSeconds !== null && each.pools.some(({ spot }) => !spot));
          live(each, (choice, before, now, verdicts) => {
            const deadlineAt = START + (each.deadlineSeconds ?? 0) * 1000;
            const spare = spareSeconds({ now, deadlineAt, remainingSeconds: each.remaining });
            if (spare !== null && spare <= 0 && verdicts.at(-1) !== 'no-capacity') expect(choice.pool.spot).toBe(false);
          });
        }),
      );
    });

    it('without a deadline no pool sees more preemptions in a row than allowed while there is another one', () => {
      fc.assert(
        fc.property(life, (each) => {
          let here: Pool | null = null;
          let inRow = 0;
          live({ ...each, deadlineSeconds: null, rules: { ...each.rules, retrySpotSeconds: 0 } }, (choice, _before, _now, verdicts) => {
            if (choice.pool !== here) inRow = 0;
            else if (verdicts.at(-1) === 'preempted' || verdicts.at(-1) === 'silent') inRow += 1;
            here = choice.pool;
            if (choice.pool !== each.pools.at(-1)) expect(inRow).toBeLessThan(each.rules.preemptionsBeforeNext);
          });
        }),
      );
    });

    it('the first pool is tried again within the time of the rules', () => {
      fc.assert(
        fc.property(life, (each) => {
          fc.pre(each.rules.retrySpotSeconds > 0);
          live({ ...each, deadlineSeconds: null }, (choice, before, now) => {
            if (before.leftFirstAt !== null && now - before.leftFirstAt >= each.rules.retrySpotSeconds * 1000)
              expect(choice.pool).toBe(each.pools[0]);
          });
        }),
      );
    });

    it('nobody leaves a pool for a reason of his own: crashes and bad memory change nothing', () => {
      fc.assert(
        fc.property(fc.constantFrom<AttemptVerdict>('crashed', 'deleted', 'out-of-memory', 'fenced'), fc.nat(5), (end, times) => {
          expect(choose(after(Array<AttemptVerdict>(times).fill(end))).pool.name).toBe('spot-a');
        }),
      );
    });
  });
});

describe('several spot pools in turn', () => {
  const spots = spotPositions(rules(), POOLS);
  const next = (state: PlacementState, verdict: AttemptVerdict, own = rules()): PlacementState =>
    afterAttempt(own, POOLS.length, state, verdict, START, spots);
  const name = (state: PlacementState): string => choose({ state, spreads: true }).pool.name;

  it('are those of spot, where there is more than one', () => {
    expect(spots).toEqual([0, 1]);
    expect(spotPositions(rules({ order: ['on-demand', 'spot-b', 'spot-a'] }), POOLS)).toEqual([1, 2]);
    expect(spotPositions(rules({ order: ['spot-b', 'on-demand'] }), POOLS)).toEqual([]);
  });

  it.each(['preempted', 'silent', 'no-capacity'] as const)('are not asked next after %s', (verdict) => {
    expect(name(next(initialPlacement, verdict))).toBe('spot-b');
    expect(name(next({ ...initialPlacement, position: 1 }, verdict))).toBe('spot-a');
  });

  it('give way to on-demand when none has a machine, and when they preempt as often as the rules allow for each', () => {
    expect(name(next(next(initialPlacement, 'no-capacity'), 'no-capacity'))).toBe('on-demand');
    let state = initialPlacement;
    const own = rules({ preemptionsBeforeNext: 2 });
    for (let i = 0; i < 3; i++) state = next(state, 'preempted', own);
    expect(name(state)).toBe('spot-b');
    expect(name(next(state, 'preempted', own))).toBe('on-demand');
  });

  it('are waited for as long as a node takes to come, and no longer; a single one as the rules say', () => {
    const wait = (moment: Moment): number => choose({ ...moment, spreads: true }).noCapacitySeconds;
    expect(wait({})).toBe(300);
    expect(wait({ rules: rules({ noCapacitySeconds: 60 }) })).toBe(60);
    expect(wait({ rules: rules({ order: ['spot-a', 'on-demand'] }) })).toBe(600);
    expect(choose().noCapacitySeconds).toBe(600);
  });

  it('need no pause between them: each was waited for', () => {
    expect(backoffSeconds('no-capacity', 0, 6, 3, true)).toBe(0);
    expect(backoffSeconds('no-capacity', 0, 6, 3)).toBe(60);
  });

  it('are used up to the last by trials that lose every machine, in any order of verdicts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<AttemptVerdict>('preempted', 'silent', 'no-capacity', 'crashed'), { maxLength: 40 }),
        (verdicts) => {
          let state = initialPlacement;
          for (const verdict of verdicts) {
            const before = state.position;
            state = next(choose({ state, spreads: true }).state, verdict);
            expect(state.position).toBeLessThan(POOLS.length);
            if (verdict !== 'crashed' && spots.includes(before)) expect(state.position).not.toBe(before);
          }
        },
      ),
    );
  });
});

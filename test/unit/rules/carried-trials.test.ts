/** Whatever the number and age of its trials, a search can continue as new. */
import { describe, expect, it } from 'vitest';
import { trialWorkflowId } from '../../../src/contract/ids.ts';
import type { TrialRecord } from '../../../src/contract/search.ts';
import { packTrials, unpackTrials } from '../../../src/rules/carried-trials.ts';
import type { CarryingRules, TrialPlaces } from '../../../src/rules/carried-trials.ts';
import { jsonBytes, pack, unpack } from '../../../src/rules/packed-json.ts';
import { OUTPUT, recordOf, RUN, STOPPING } from '../../workflow/large-search.ts';

const MEBIBYTE = 1024 * 1024;
const places: TrialPlaces = { output: OUTPUT, workflowId: (trial) => trialWorkflowId(RUN, 'search', trial) };
const rules: CarryingRules = { objective: { metric: 'score', goal: 'maximize' }, stopping: STOPPING, mostBytes: 900_000 };
const trials = (ended: number, running: number, points: number): TrialRecord[] =>
  Array.from({ length: ended + running }, (_, i) =>
    Object.assign(recordOf(i, { points, over: i < ended }), { heard: i < ended ? null : 'run' }),
  );
const there = (records: TrialRecord[]): TrialRecord[] => unpackTrials(packTrials(records, places, rules), places);

describe('packed values', () => {
  it.each([
    [[]],
    [[null, 1, 'a', true, []]],
    [[{ a: 1, b: { c: [1, { d: null }] } }, { a: 2, b: { c: [] } }, { b: 1, a: 2 }, {}]],
    [[{ 漢: '字', 'a b': [[{}]] }]],
  ])('are the same again: %j', (values) => {
    expect(unpack(pack(values))).toEqual(values);
  });

  it.each(['', 'plain', 'ä', '漢字', '🙂 and 🙃'])('have as many bytes as UTF-8 has: %s', (text) => {
    expect(jsonBytes({ text })).toBe(Buffer.byteLength(JSON.stringify({ text })));
  });
});

describe('the trials that a search carries over continue-as-new', () => {
  it('lose nothing that is needed while there is room', () => {
    const records = trials(12, 5, 30);
    const [first, second] = records;
    Object.assign(first ?? {}, { unrecorded: true, fork: { trial: 3, output: 'gs://b/x', checkpoint: null }, asking: 'why?' });
    Object.assign(second?.state ?? {}, { status: 'stopped', reason: 'stopped by ada', offline: { ndcg: null } });
    const expected = records.map((record) =>
      record.told === null || record.unrecorded
        ? record
        : { ...record, series: {}, carried: record.state.status === 'succeeded' ? null : record.carried },
    );
    expect(there(records)).toEqual(expected);
  });

  it('of 2,000, of which 100 run, each with a point every ten minutes over five days, stay below 1 MiB', () => {
    const records = trials(1900, 100, 720);
    expect(jsonBytes(packTrials(records, places, rules))).toBeLessThan(MEBIBYTE);
    const again = there(records);
    expect(again.map(({ state }) => [state.trial, state.status, state.objective, state.parameters, state.cost])).toEqual(
      records.map(({ state }) => [state.trial, state.status, state.objective, state.parameters, state.cost]),
    );
    // What runs is judged by its newest points, its best one and their number.
    for (const [i, record] of again.slice(1900).entries()) {
      const before = records[1900 + i];
      expect(record.curve).toHaveLength(720);
      expect(record.curve.slice(-10)).toEqual(before?.curve.slice(-10));
      expect(Math.max(...record.curve.map(Number))).toBe(Math.max(...(before?.curve ?? []).map(Number)));
      expect(record.carried).toEqual(before?.carried);
    }
    const best = records.slice(0, 1900).reduce((a, b) => (Number(a.values[0]) > Number(b.values[0]) ? a : b));
    expect(again[best.state.trial]).toMatchObject({ weightsSha256: best.weightsSha256, state: { bestExport: best.state.bestExport } });
  });

  it('of 10,000 fit into an input', () => {
    expect(jsonBytes(packTrials(trials(9900, 100, 40), places, rules))).toBeLessThan(2 * MEBIBYTE);
  });

  it('stay small however often they are carried', () => {
    const bytes = (records: TrialRecord[]): number => jsonBytes(packTrials(records, places, rules));
    let records = trials(1900, 100, 720);
    for (let times = 0; times < 4; times++) {
      expect(bytes(records)).toBeLessThan(rules.mostBytes);
      records = there(records);
    }
  });
});

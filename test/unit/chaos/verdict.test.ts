import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseFaults, scheduleOf } from '../../chaos/schedule.ts';
import { appendVerdict, countByKind, readVerdicts, replayCommand, table, type Verdict } from '../../chaos/verdict.ts';

const good: Verdict = {
  schedule: { ...scheduleOf(1), faults: parseFaults('kill-control@start+1 cancel@parts+2') },
  problems: [],
  seconds: 20,
};
const bad: Verdict = {
  schedule: { ...scheduleOf(2), faults: parseFaults('kill-control@start+1 kill-control@best+1 full-disk@parts+2') },
  problems: ['a row is missing'],
  seconds: 31.5,
  fewest: parseFaults('full-disk@parts+2'),
};

describe('verdicts', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longhaul-verdicts-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('are read again from the file to which they were appended', () => {
    const file = join(folder, 'record.jsonl');
    expect(readVerdicts(file)).toEqual([]);
    for (const verdict of [good, bad]) appendVerdict(file, verdict);
    expect(readVerdicts(file)).toEqual([good, bad]);
  });

  it('are counted by kind of fault: a schedule once, however often it had that fault', () => {
    const count = (kind: string): unknown => countByKind([good, bad]).find(({ fault }) => fault === `\`${kind}\``);
    expect(count('kill-control')).toMatchObject({ world: 'embedded', schedules: 2, survived: 1 });
    expect(count('cancel')).toMatchObject({ schedules: 1, survived: 1 });
    expect(count('kill-sampler')).toMatchObject({ schedules: 0, survived: 0 });
    expect(table([good, bad])).toMatch(/\| `full-disk` \| embedded \| .* \| 1 \| 0 \|\n[^]*\n1 of 2 schedules survived\.\n$/);
  });

  it('print the command that plays the fewest faults again', () => {
    expect(replayCommand(bad)).toBe('npm run chaos -- --world embedded --faults "full-disk@parts+2"');
  });
});

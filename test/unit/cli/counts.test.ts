import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { add, countJunit, countVitest, processorSeconds, summaryLine, withExitCode } from '../../counts.ts';

const report = (testResults: unknown[], passed: number, failed: number, pending = 0): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0, testResults });

describe('counting tests', () => {
  it('counts a file that could not be loaded as one failure', () => {
    const json = report(
      [
        { status: 'failed', assertionResults: [] },
        { status: 'passed', assertionResults: [{ status: 'passed' }] },
      ],
      1,
      0,
    );
    expect(countVitest(json)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('does not count the file of a failed test a second time', () => {
    expect(countVitest(report([{ status: 'failed', assertionResults: [{ status: 'failed' }] }], 0, 1, 2))).toEqual({
      passed: 0,
      failed: 1,
      skipped: 2,
    });
  });

  it('adds the suites of a JUnit report, errors being failures', () => {
    const xml =
      '<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10"/><testsuite tests="1" errors="0"></testsuite></testsuites>';
    expect(countJunit(xml)).toEqual({ passed: 5, failed: 3, skipped: 3 });
  });

  it('counts a runner that crashed without a report as a failure', () => {
    expect(withExitCode({ passed: 0, failed: 0, skipped: 0 }, 139).failed).toBe(1);
    expect(withExitCode({ passed: 0, failed: 2, skipped: 0 }, 1).failed).toBe(2);
  });

  it('writes the line that machines read', () => {
    expect(summaryLine(add({ passed: 1, failed: 2, skipped: 3 }, { passed: 1, failed: 1, skipped: 1 }))).toBe(
      '2 passed, 3 failed, 4 skipped',
    );
  });

  it('reads what processor time the children of a shell took', () => {
    expect(processorSeconds('0m0.01s 0m0.02s\n2m3.40s 1m0.75s\n')).toBe(184);
    expect(processorSeconds('')).toBe(0);
    const burn = `const used = () => Object.values(process.cpuUsage()).reduce((sum, each) => sum + each);
      while (used() < 0.6e6) for (let n = 0; n < 1e6; n++);`;
    const told = execFileSync('sh', ['-c', '"$@"; times', 'sh', process.execPath, '-e', burn], { encoding: 'utf8' });
    expect(processorSeconds(told)).toBeGreaterThanOrEqual(1);
  });
});

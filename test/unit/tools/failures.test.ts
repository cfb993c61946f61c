import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { junitFailures, shown, vitestFailures } from '../../failures.ts';

describe('what is told of tests that failed', () => {
  it('names file, test and reason of each, and a file that could not be loaded', () => {
    const json = JSON.stringify({
      testResults: [
        {
          name: resolve('test/unit/a.test.ts'),
          status: 'failed',
          assertionResults: [
            { status: 'passed', fullName: 'a counts' },
            {
              status: 'failed',
              fullName: 'a adds',
              failureMessages: ['\u001b[31mAssertionError\u001b[39m: expected 3 to be 4\n    at a.test.ts:3'],
            },
          ],
        },
        { name: resolve('test/unit/b.test.ts'), status: 'failed', message: 'Cannot find module', assertionResults: [] },
      ],
    });
    expect(vitestFailures(json).map((failure) => shown(failure, 'first'))).toEqual([
      'failed: test/unit/a.test.ts a adds\n    AssertionError: expected 3 to be 4\n        at a.test.ts:3',
      'failed: test/unit/b.test.ts\n    Cannot find module',
    ]);
  });

  it('reads failures and errors of pytest, and no test that passed beside them', () => {
    const xml =
      '<testsuite><testcase classname="tests.store" name="test_ok" time="0.1" />' +
      '<testcase classname="tests.store" name="test_put[&lt;a&gt;]" time="0.2"><failure message="assert">def test_put():\n&gt;   assert 1 == 2&#10;E   assert</failure></testcase>' +
      '<testcase classname="tests.store" name="test_skipped"><skipped message="no root">why</skipped></testcase>' +
      '<testcase classname="tests.gang" name="test_set_up"><error message="x">no port</error></testcase></testsuite>';
    expect(junitFailures(xml)).toEqual([
      { test: 'tests.store test_put[<a>]', message: 'def test_put():\n>   assert 1 == 2\nE   assert' },
      { test: 'tests.gang test_set_up', message: 'no port' },
    ]);
  });

  it('keeps the end of a long traceback, and the beginning of a long comparison', () => {
    const message = Array.from({ length: 90 }, (_, line) => `line ${line}`).join('\n');
    expect(shown({ test: 't', message }, 'last')).toMatch(/^failed: t\n {4}line 65\n[\s\S]*line 89$/);
    expect(shown({ test: 't', message }, 'first')).toMatch(/^failed: t\n {4}line 0\n[\s\S]*line 24$/);
  });
});

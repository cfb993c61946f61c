import { describe, expect, it } from 'vitest';
import { Policy } from '../../../src/contract/policy.ts';
import { Resources } from '../../../src/contract/profile.ts';
import { sourceOf } from '../../../src/contract/secrets.ts';
import { launchCommand, prepareCommand } from '../../../src/rules/launch.ts';
import { jobViolations } from '../../../src/rules/policy.ts';
import { redactor } from '../../../src/rules/secrets.ts';

describe('what is left of a secret in a text', () => {
  it.each([
    [['hf_a', 'hf_abc'], 'x hf_abc y hf_a', 'x *** y ***'],
    [['one\ntwo three\n'], 'two three', '***'],
    [['a.b$&'], 'a.b$& and axb$&', '*** and axb$&'],
    [[''], 'nothing', 'nothing'],
    [[], 'nothing', 'nothing'],
  ])('%j in %j is %j', (values, text, shown) => {
    expect(redactor(values)(text)).toBe(shown);
  });
});

describe('a reference', () => {
  it('leads to a key of a Secret, or to a variable', () => {
    expect(sourceOf({ name: 'A', from: 'kubernetes:hf.co/to_ken' })).toEqual({ secret: 'hf.co', key: 'to_ken' });
    expect(sourceOf({ name: 'A', from: 'env:B' })).toEqual({ variable: 'B' });
  });

  const refused = (secrets: readonly string[], from: string): boolean =>
    jobViolations(Policy.parse({ secrets }), { resources: Resources.parse({}), secrets: [{ name: 'A', from }] }, 'job').length > 0;

  it.each([
    ['kubernetes:hf/token', ['hf'], false],
    ['kubernetes:hf/token', ['hf/token'], false],
    ['kubernetes:hf/token', ['hf/*'], false],
    ['kubernetes:hf/token', ['hf/other'], true],
    ['kubernetes:hf2/token', ['hf', 'hf/token'], true],
    ['kubernetes:hf/token', [], true],
    ['env:HF_TOKEN', ['env:HF_*'], false],
    ['env:TEMPORAL_API_KEY', ['env:HF_*', 'TEMPORAL_API_KEY'], true],
    ['kubernetes:env/HF', ['env:HF*'], true],
  ])('%s is, by a policy of %j, refused: %s', (from, secrets, is) => {
    expect(refused(secrets, from)).toBe(is);
  });
});

describe('a Job with secrets', () => {
  const secrets = [{ name: 'A', from: 'env:B' }];

  it('is started by the launcher, which hides them, with and without shipped code', () => {
    expect(launchCommand({ command: ['python', 'x.py'], secrets })).toEqual(
      ['python3', '-m', 'longhaul.launch', '--secret', 'A', '--', 'python', 'x.py'], // prettier-ignore
    );
    const code = { archive: 'gs://b/code/0' };
    expect(launchCommand({ command: ['x'], secrets, code }, '/home')).toEqual(
      ['python3', '/home/launch.py', '--home', '/home', '--code', 'gs://b/code/0', '--secret', 'A', '--', 'x'], // prettier-ignore
    );
    expect(prepareCommand(undefined, '/home')).toEqual(['python3', '-m', 'longhaul.launch', '--prepare', '/home']);
  });

  it('and without them is what it was', () => {
    expect(launchCommand({ command: ['x'] })).toEqual(['x']);
    expect(launchCommand({ command: ['x'], secrets: [] })).toEqual(['x']);
  });
});

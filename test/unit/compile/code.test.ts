import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { archiveOf, filesIn } from '../../../src/compile/code/archive.ts';
import { ignoreRules, isIgnored } from '../../../src/compile/code/ignore.ts';
import { requirementProblems } from '../../../src/compile/code/requirements.ts';
import type { Shipped } from '../../../src/contract/code.ts';
import { compile } from '../../../src/compile/index.ts';
import { pipeline, project, type Project } from './project.ts';

const search = (fields: string): string =>
  pipeline(
    `search: { kind: search, data: { train: "{storage}/t" }, objective: { metric: auc, direction: maximize }, space: { lr: { type: float, low: 0, high: 1 } }, n_trials: 2, ${fields} }`,
  );

interface Packed {
  readonly spec: Shipped & { readonly command?: readonly string[] };
  readonly shipped: ReadonlyMap<string, Uint8Array>;
  readonly names: readonly string[];
}

async function packed(made: Project): Promise<Packed> {
  const shipped = new Map<string, Uint8Array>();
  const document = await compile('pipeline.yaml', { cwd: made.folder, ship: (digest, data) => void shipped.set(digest, data) });
  const spec = document.steps[0]?.spec as Packed['spec'];
  const archive = shipped.get(spec.code?.sha256 ?? '') ?? new Uint8Array();
  return { spec, shipped, names: filesIn(archive).map(({ path }) => path) };
}

describe('code that is shipped', () => {
  it('is an archive named by its digest, which the document has', async () => {
    await using made = await project({
      'pipeline.yaml': search('code: ./trainer, command: [python, train.py], requirements: req.txt, python: /usr/bin/python3'),
      'trainer/train.py': 'print(1)\n',
      'trainer/net/layers.py': '',
      'req.txt': 'numpy==2.4.6\n',
    });
    const { spec, shipped, names } = await packed(made);
    expect(names).toEqual(['net/layers.py', 'train.py']);
    expect(spec).toMatchObject({
      code: { files: 2, from: 'trainer' },
      requirements: { from: 'req.txt' },
      python: '/usr/bin/python3',
      command: ['python', 'train.py'],
    });
    expect([...shipped].map(([digest, data]) => createHash('sha256').update(data).digest('hex') === digest)).toEqual([true, true]);
    expect(spec.code?.bytes).toBe(shipped.get(spec.code?.sha256 ?? '')?.length);
  });

  it('depends on names, contents and the right to be executed, and on nothing else', async () => {
    await using made = await project({ 'pipeline.yaml': search('code: t, command: [sh, a.sh]'), 't/b.py': 'b', 't/a.sh': 'a' });
    const digest = async (): Promise<string | undefined> => (await packed(made)).spec.code?.sha256;
    const first = await digest();
    await utimes(join(made.folder, 't', 'a.sh'), 1, 1);
    await chmod(join(made.folder, 't', 'b.py'), 0o600);
    await mkdir(join(made.folder, 't', 'empty'));
    expect(await digest()).toBe(first);
    await chmod(join(made.folder, 't', 'a.sh'), 0o755);
    const executable = await digest();
    expect(executable).not.toBe(first);
    await writeFile(join(made.folder, 't', 'b.py'), 'c');
    expect(await digest()).not.toBe(executable);
  });

  it('may be one file, which says by itself how it runs', async () => {
    await using made = await project({ 'pipeline.yaml': search('code: train.py'), 'train.py': '', 'other.py': '' });
    const { spec, names } = await packed(made);
    expect([names, spec.command]).toEqual([['train.py'], ['python', 'train.py']]);
  });

  it('leaves out what the ignore files of all folders say, and what is never of use', async () => {
    await using made = await project({
      'pipeline.yaml': search('code: src/t, command: [python, a.py]'),
      '.gitignore': '*.parquet\n/src/t/generated\n',
      'src/t/.gitignore': 'logs/\n*.txt\n!keep.txt\n',
      'src/t/.longhaulignore': 'notes.md\n!.env\n',
      'src/t/sub/.gitignore': '/only-here.py\n',
      'src/t/a.py': '',
      'src/t/x.parquet': '',
      'src/t/generated/g.py': '',
      'src/t/logs/l.py': '',
      'src/t/drop.txt': '',
      'src/t/keep.txt': '',
      'src/t/notes.md': '',
      'src/t/.env': '',
      'src/t/.env.local': '',
      'src/t/.git/HEAD': '',
      'src/t/__pycache__/a.pyc': '',
      'src/t/sub/only-here.py': '',
      'src/t/sub/deep/only-here.py': '',
    });
    // Without a repository the folder of the pipeline is the project.
    const { names } = await packed(made);
    expect(names).toEqual(['.env', '.gitignore', '.longhaulignore', 'a.py', 'keep.txt', 'sub/.gitignore', 'sub/deep/only-here.py']);
  });

  it.each<[string, (folder: string) => Promise<unknown>, object, string?]>([
    ['a link', async (folder: string) => symlink('/etc/passwd', join(folder, 't', 'l')), { message: 'a symbolic link cannot be shipped', found: 'l' }], // prettier-ignore
    ['a folder elsewhere', (folder: string) => symlink('/etc', join(folder, 'outside')), { message: 'the code lies outside of the project', path: 'steps.search.code' }, 'outside'], // prettier-ignore
    ['what is not there', () => Promise.resolve(), { message: 'no such folder or file', found: '"nowhere"' }, 'nowhere'],
    ['nothing', (folder: string) => mkdir(join(folder, 'none')), { message: 'there is nothing to ship' }, 'none'],
    ['too much', (folder: string) => writeFile(join(folder, 't', 'weights.bin'), Buffer.alloc(70 * 1024 * 1024)), { message: 'the code is too large', expected: 'at most 64 MiB', found: expect.stringContaining('weights.bin (70.0 MiB)') as string }], // prettier-ignore
  ])('refuses %s', async (_what, make, says, code = 't') => {
    await using made = await project({ 'pipeline.yaml': search(`code: ${code}, command: [python, a.py]`), 't/a.py': '' });
    await make(made.folder);
    expect(await made.problems()).toMatchObject([{ file: 'pipeline.yaml', path: 'steps.search.code', ...says }]);
  });

  it('takes a link that is ignored', async () => {
    await using made = await project({
      'pipeline.yaml': search('code: t, command: [python, a.py]'),
      't/a.py': '',
      't/.longhaulignore': 'data\n',
    });
    await symlink('/etc', join(made.folder, 't', 'data'));
    expect((await packed(made)).names).toEqual(['.longhaulignore', 'a.py']);
  });

  it.each([
    ['code: t', { path: 'steps.search.command', message: '"command" is missing' }],
    ['requirements: req.txt, command: [python]', { path: 'steps.search.requirements', expected: '`code` beside it' }],
    ['python: /usr/bin/python3, command: [python]', { path: 'steps.search.python' }],
    ['code: t, command: [python, a.py], requirements: req.txt', { file: 'req.txt', line: 2, message: 'the requirement is not pinned', found: 'scipy>=1' }], // prettier-ignore
    ['code: t, command: [python, a.py], requirements: [longhaul==1.0]', { message: 'this is another package' }],
    ['fixed: { a: 1 }', { path: 'steps.search.features', message: '"features" is missing' }],
  ])('refuses %s', async (fields, says) => {
    await using made = await project({
      'pipeline.yaml': search(fields),
      't/a.py': '',
      't/b.py': '',
      'req.txt': 'numpy==2.4.6\nscipy>=1\n',
    });
    expect(await made.problems()).toEqual(expect.arrayContaining([expect.objectContaining(says)]));
  });

  it('is read by tar as well, whatever its names', async () => {
    await using made = await project({});
    const long = `${'a/'.repeat(80)}ß.py`;
    const files = [
      { path: 'x', data: Buffer.from('1'), executable: true },
      { path: long, data: Buffer.alloc(1000, 'y'), executable: false },
    ];
    const archive = archiveOf(files);
    expect(filesIn(archive).map(({ path, data, executable }) => [path, data.length, executable])).toEqual([
      [long, 1000, false],
      ['x', 1, true],
    ]);
    await writeFile(join(made.folder, 'a.tar'), archive);
    const listed = execFileSync('python3', ['-c', 'import sys, tarfile; print("\\n".join(tarfile.open(sys.argv[1]).getnames()))', join(made.folder, 'a.tar')], { encoding: 'utf8', env: { PATH: process.env['PATH'], PYTHONUTF8: '1' } }); // prettier-ignore
    expect(listed.trim().split('\n')).toEqual([long, 'x']);
  });
});

describe('patterns of ignore files', () => {
  it.each<[pattern: string, matched: readonly string[], not: readonly string[]]>([
    ['a.txt', ['a.txt', 'x/a.txt'], ['ba.txt', 'a.txt.x']],
    ['/a.txt', ['a.txt'], ['x/a.txt']],
    ['x/*.py', ['x/b.py'], ['b.py', 'x/y/b.py', 'z/x/b.py']],
    ['**/x', ['x', 'a/b/x'], ['ax']],
    ['x/**', ['x/a', 'x/a/b'], ['x', 'y/x/a']],
    ['a/**/b', ['a/b', 'a/x/y/b'], ['ab', 'a/xb']],
    ['[a-c]?.o', ['bx.o'], ['dx.o', 'b/.o']],
    ['[!a]b', ['cb'], ['ab', '/b']],
    ['\\#x', ['#x'], ['x']],
    ['a\\ ', ['a '], ['a']],
    ['# comment', [], ['# comment', 'comment']],
    ['(x).+', ['(x).+'], ['xx']],
  ])('%s', (pattern, matched, not) => {
    const rules = ignoreRules(pattern);
    expect(matched.filter((path) => !isIgnored(path, false, rules))).toEqual([]);
    expect(not.filter((path) => isIgnored(path, false, rules))).toEqual([]);
  });

  it('folders only, and the last one decides', () => {
    const rules = ignoreRules('build/\n*.log\n!keep.log');
    expect([isIgnored('build', true, rules), isIgnored('build', false, rules)]).toEqual([true, false]);
    expect([isIgnored('a.log', false, rules), isIgnored('keep.log', false, rules)]).toEqual([true, false]);
  });
});

describe('requirements', () => {
  it.each([
    'numpy==2.4.6',
    'torch[cpu]==2.15.0 ; python_version >= "3.9"  # why',
    'a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11',
    'mine @ https://host/mine-1.0-py3-none-any.whl',
    '--extra-index-url https://host/simple\nnumpy===2.4.6',
    'longhaul-sdk==0.2.0',
    '',
  ])('takes %s', (text) => expect(requirementProblems(text)).toEqual([]));

  it.each(['numpy', 'numpy>=2', 'numpy==2.*', 'numpy==2,!=2.1', '-r other.txt', '-e .', './wheel.whl', 'longhaul==1', 'Longhaul'])(
    'refuses %s',
    (text) => expect(requirementProblems(`six==1.17.0\n${text}\n`)).toMatchObject([{ line: 2, found: text }]),
  );
});

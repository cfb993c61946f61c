/** The layer where input enters: every command that is declared, with each of its inputs broken in ten ways. */
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Argument, Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT, report } from '../../../src/cli/exit.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { openTerminal } from '../../../src/cli/terminal.ts';
import { isRefused } from '../../../src/client/connection-refused.ts';

type Kind = 'file' | 'folder' | 'output' | 'output folder' | 'port' | 'choice' | 'text';

/** An argument or an option that takes a value. */
interface Input {
  readonly name: string;
  readonly placeholder: string;
  readonly kind: Kind;
  readonly argument: boolean;
  readonly required: boolean;
  /** A value that nothing is wrong with. */
  readonly good: string;
}

interface Declared {
  readonly words: readonly string[];
  readonly inputs: readonly Input[];
}

/** What the declaration does not tell: what lies at a path, and values in a form of their own. */
const KINDS: Readonly<Record<string, Kind>> = {
  file: 'file',
  script: 'file',
  directory: 'output folder',
  '--code': 'folder',
  '--folder': 'folder',
  '--data': 'folder',
  '--file': 'output',
  '--to': 'output folder',
  '--keep': 'output folder',
  '--port': 'port',
  '--token-file': 'file',
  '--python': 'file',
};
const GOOD: Readonly<Record<string, string>> = {
  file: 'pipeline.yaml',
  script: 'train.py',
  trial: '0',
  trials: '3',
  priority: '2',
  parameter: 'rate=0.1',
  json: '{}',
  shell: 'bash',
  '--cron': '0 3 * * *',
  '--trial': '0',
};
/** `schedule backfill --to` is a time, `models download --to` a folder. */
const OF_COMMAND: Readonly<Record<string, Readonly<Record<string, Partial<Input>>>>> = {
  'schedule backfill': { '--from': { good: '2026-11-01' }, '--to': { kind: 'text', good: '2026-11-02' } },
};

/** What a placeholder is called where something lies at the path. */
const PATHS = new Set(['file', 'path', 'folder', 'directory', 'script']);

const isOption = (input: Argument | Option): input is Option => 'flags' in input;

function inputOf(command: string, declared: Argument | Option): Input {
  const name = isOption(declared) ? (declared.long ?? declared.flags) : declared.name();
  const placeholder = isOption(declared) ? (/[<[](?:.*=)?(\w+)/.exec(declared.flags)?.[1] ?? '') : name;
  const kind = declared.argChoices ? 'choice' : (KINDS[name] ?? (placeholder === 'file' ? 'file' : 'text'));
  const good = GOOD[name] ?? declared.argChoices?.[0] ?? 'x';
  const required = isOption(declared) ? declared.mandatory : declared.required;
  return { name, placeholder, kind, argument: !isOption(declared), required, good, ...OF_COMMAND[command]?.[name] };
}

function declaredIn(command: Command, words: readonly string[] = []): Declared[] {
  const parts = command.commands.filter((one) => one.name() !== 'help');
  if (parts.length > 0) return parts.flatMap((one) => declaredIn(one, [...words, one.name()]));
  const options = command.options.filter(({ required, optional }) => required || optional);
  return [{ words, inputs: [...command.registeredArguments, ...options].map((one) => inputOf(words.join(' '), one)) }];
}

const DECLARED = declaredIn(await createProgram());

/** The whole line, good but for one input. */
function line({ words, inputs }: Declared, broken?: Input, value?: string): string[] {
  const args: string[] = [];
  const options: string[] = [];
  for (const input of inputs) {
    const given = input === broken ? value : input.required ? input.good : undefined;
    if (given === undefined) continue;
    if (input.argument) args.push(given);
    else options.push(`${input.name}=${given}`);
  }
  // An argument that comes after one that may be left out.
  if (broken?.argument && !broken.required)
    for (const before of inputs.slice(0, inputs.indexOf(broken)).filter(({ argument, required }) => argument && !required))
      args.splice(0, 0, before.good);
  return [...words, ...options, ...(args.length > 0 ? ['--', ...args] : [])];
}

async function portThatWasClosed(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

let scratch: string;
let project: string;
let closed: number;
const here = process.cwd();

const PIPELINE = 'version: 1\nname: tiny\nsteps:\n  a: { kind: approval, message: go on? }\n';
const FILES: Readonly<Record<string, string | Uint8Array>> = {
  'pipeline.yaml': PIPELINE,
  'train.py': 'import longhaul\n\nwith longhaul.trial() as trial:\n    trial.validation({"auc": 1.0})\n',
  'empty.yaml': '',
  'locked.yaml': PIPELINE,
  'latin1.yaml': Buffer.from('version: 1\nname: gr\xfcn\n', 'latin1'),
  'utf16.yaml': Buffer.from(PIPELINE, 'utf16le'),
  'folder/inside.txt': 'x',
};

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'longhaul-broken-'));
  project = join(scratch, 'a', 'b', 'project');
  closed = await portThatWasClosed();
  await mkdir(join(project, 'folder'), { recursive: true });
  await mkdir(join(project, 'sealed', 'inside'), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(project, name), text);
  await chmod(join(project, 'locked.yaml'), 0o000);
  await chmod(join(project, 'sealed'), 0o000);
  await chmod(scratch, 0o755);
  process.chdir(project);
});
afterAll(async () => {
  process.chdir(here);
  await chmod(join(project, 'sealed'), 0o700);
  await rm(scratch, { recursive: true });
});

const TERMINAL = openTerminal();

interface Answer {
  readonly code: number;
  readonly told: string;
}

/** A command may set one and end well. */
const exitCode = (): number => Number(process.exitCode ?? EXIT.ok);

/** The command as `main.ts` runs it, in this process. */
async function asked(words: readonly string[]): Promise<Answer> {
  let told = '';
  const hear = (chunk: string | Uint8Array): boolean => {
    told += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  const spies = [vi.spyOn(process.stdout, 'write').mockImplementation(hear), vi.spyOn(process.stderr, 'write').mockImplementation(hear)];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await (await createProgram()).parseAsync(['node', 'longhaul', ...words]);
    return { code: exitCode(), told };
  } catch (error) {
    const code = report(error, TERMINAL, false);
    return { code, told };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

const filesIn = async (folder: string): Promise<string[]> => (await readdir(folder, { recursive: true })).sort();

type Way =
  | 'missing'
  | 'empty'
  | 'a folder'
  | 'no permission'
  | 'wrong encoding'
  | 'too long'
  | 'odd name'
  | 'server away'
  | 'disk full'
  | 'port taken';

interface Case {
  readonly declared: Declared;
  readonly input?: Input;
  readonly way: Way;
  readonly value?: string;
}

const LONG = 'x'.repeat(5000);
const ODD = ['../../up', '-x', 'a b#?%20[x]', '\u001b[31m'];
const FOR_ALL: readonly (readonly [Way, string])[] = [['empty', ''], ['too long', LONG], ...ODD.map((name) => ['odd name', name] as const)];
const BY_KIND: Readonly<Record<Kind, readonly (readonly [Way, string])[]>> = {
  file: [
    ['missing', 'not-there.yaml'],
    ['empty', 'empty.yaml'],
    ['a folder', 'folder'],
    ['no permission', 'locked.yaml'],
    ['wrong encoding', 'latin1.yaml'],
    ['wrong encoding', 'utf16.yaml'],
  ],
  folder: [
    ['missing', 'not-there'],
    ['no permission', 'sealed/inside'],
  ],
  output: [
    ['missing', 'not/there/out.json'],
    ['a folder', 'folder'],
    ['no permission', 'sealed/out.json'],
    ['disk full', '/dev/full'],
  ],
  'output folder': [
    ['no permission', 'sealed/out'],
    ['odd name', 'pipeline.yaml/below'],
  ],
  port: [['odd name', '65536']],
  choice: [['missing', 'not-one-of-them']],
  text: [['wrong encoding', '\ufffd']],
};

/** These ask no server, so that a line without a fault does its work. */
const LOCAL = new Set(['init', 'compile', 'migrate', 'plan', 'completion', 'doctor', 'codec-server', 'trial check', 'example', 'dev']);
/** Their answer is a list of what is missing, by exit code 1; a folder that is named is looked at like any other. */
const LISTS = new Set(['doctor', 'trial check']);
/** What another command takes in the same way, and for less: each of these would translate the SQL of the example. */
const AS_COMPILE = new Set(['example --set']);
const nameOf = ({ words }: Declared): string => words.join(' ');

function casesOf(declared: Declared): Case[] {
  if (LISTS.has(nameOf(declared))) return [];
  const broken = declared.inputs
    .filter(({ name }) => !AS_COMPILE.has(`${nameOf(declared)} ${name}`))
    .flatMap((input) => [
      ...(input.required ? [{ declared, input, way: 'missing' as const }] : []),
      ...[...FOR_ALL, ...BY_KIND[input.kind]].map(([way, value]) => ({ declared, input, way, value })),
    ]);
  return LOCAL.has(nameOf(declared)) ? broken : [...broken, { declared, way: 'server away' }];
}

/** What a person must never get to see. */
const RAW =
  /\n\s+at .+:\d+|Traceback|node:internal|LONGHAUL_DEBUG|\bE(?:NOENT|ISDIR|ACCES|PERM|NOTDIR|EXIST|NAMETOOLONG|NOSPC|ADDRINUSE|CONNREFUSED)\b|is not a function|of undefined/;

/** The user may name a place to write to, so that one that can be written, whatever its name, is no fault. */
const mayWork = ({ input, way }: Case): boolean =>
  input !== undefined && input.kind.startsWith('output') && (way === 'odd name' || way === 'missing');

/** As somebody who may not read all: the superuser may. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

async function faultsOf(tried: Case): Promise<string[]> {
  const before = await filesIn(scratch);
  const ask = (): Promise<Answer> => asked(line(tried.declared, tried.input, tried.value));
  const { code, told } = await (tried.way === 'no permission' ? asNobody(ask) : ask());
  const made = (await filesIn(scratch)).filter((file) => !before.includes(file));
  const works = code === 0 && mayWork(tried);
  for (const file of made.filter((one) => !one.includes('.longhaul'))) await rm(join(scratch, file), { recursive: true, force: true });
  const fits = works || [2, 3, 4].includes(code);
  const outside = made.filter((file) => !works && (!file.includes('.longhaul') || file.endsWith('stack.json')));
  const at = `${nameOf(tried.declared)} ${tried.input?.name ?? ''} ${tried.way} ${JSON.stringify(tried.value?.slice(0, 30) ?? null)}`;
  const said = JSON.stringify(told.slice(0, 300));
  return [
    ...(fits ? [] : [`${at}: exit code ${code}: ${said}`]),
    ...(works || (told.trim() !== '' && !RAW.test(told)) ? [] : [`${at}: no sentence for a person: ${said}`]),
    ...outside.map((file) => `${at}: wrote ${file}`),
  ];
}

describe('what enters is broken', () => {
  beforeAll(() => {
    vi.stubEnv('TEMPORAL_ADDRESS', `127.0.0.1:${closed}`);
    vi.stubEnv('LONGHAUL_POLICY', '');
  });
  afterAll(() => vi.unstubAllEnvs());

  it.each(DECLARED.map((declared) => [nameOf(declared), declared] as const))('%s', async (_name, declared) => {
    const faults: string[] = [];
    for (const tried of casesOf(declared)) faults.push(...(await faultsOf(tried)));
    expect(faults).toEqual([]);
  });

  it('is of a known kind wherever something lies at a path', () => {
    const unknown = DECLARED.flatMap((declared) =>
      declared.inputs
        .filter(({ placeholder, kind }) => PATHS.has(placeholder) && kind === 'text')
        .map(({ name }) => `${nameOf(declared)} ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('ends a training whose file finds no room', async () => {
    await mkdir('.longhaul/train', { recursive: true });
    await symlink('/dev/full', '.longhaul/train/full.yaml');
    const { code, told } = await asked(['train', 'train.py', '--name', 'full']);
    expect([code, told]).toEqual([2, expect.stringContaining('no space is left')]);
  });

  it('names a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    vi.stubEnv('LONGHAUL_ENCRYPTION_KEYS', `one=${randomBytes(32).toString('base64')}`);
    vi.stubEnv('LONGHAUL_CODEC_TOKEN', 'only-of-this-test');
    const { code, told } = await asked(['codec-server', `--port=${port}`]);
    other.close();
    expect([code, told]).toEqual([2, expect.stringContaining(`port ${port}`)]);
  });

  it('tells a server that is away from one that is there, and from one of another machine', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const refused = await Promise.all([`127.0.0.1:${closed}`, `127.0.0.1:${port}`, 'temporal.example.com:7233'].map(isRefused));
    other.close();
    expect(refused).toEqual([true, false, false]);
  });

  it('of an encryption key is told, and nothing of the key', async () => {
    vi.stubEnv('LONGHAUL_ENCRYPTION_KEYS', 'one=c2VjcmV0');
    const { code, told } = await asked(['codec-server', '--port=0']);
    expect([code, told]).toEqual([2, expect.stringContaining('key one has 6 bytes')]);
    expect(told).not.toMatch(/c2VjcmV0|LONGHAUL_DEBUG/);
  });
});

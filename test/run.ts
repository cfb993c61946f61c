/** `npm test [-- SUITE…]`: all suites, or `quick`, their logs under .longhaul/test, and one last line of counts. */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { commandLine } from '../tools/command-line.ts';
import { NOTHING, add, countJunit, countVitest, processorSeconds, summaryLine, withExitCode, type Counts } from './counts.ts';
import { junitFailures, shown, vitestFailures } from './failures.ts';
import { prepare } from './prepare.ts';
import { readRecord, writeRecord } from './records.ts';
import { AT_ONCE, BY_NAME, OWN_COMMANDS, QUICK, SUITES, type Suite } from './suites.ts';

const LOGS = resolve('.longhaul', 'test');
/** Niceness of suites that yield: a third of the processor time of the others where there is not enough for all. */
const YIELDING = 5;

/** Runs a suite and writes, as POSIX has it, what processor time the shell and then its children took: of all that they have waited for. */
const TIMED = '"$@"; code=$?; times >"$LONGHAUL_TIMES"; exit "$code"';

/** Environment of every suite. */
type Prepared = Readonly<Record<string, string>>;

async function hasTests(suite: Suite): Promise<boolean> {
  if (!existsSync(suite.folder)) return false;
  const pattern = suite.runner === 'vitest' ? /\.test\.ts$/ : /(^|\/)test_.*\.py$/;
  return (await readdir(suite.folder, { recursive: true })).some((file) => pattern.test(file));
}

function command(suite: Suite, report: string): readonly [string, readonly string[], string] {
  if (suite.runner === 'pytest') {
    const options = ['-q', '--color=no', '-p', 'no:cacheprovider', '-n', String(suite.workers), `--junitxml=${report}`];
    const files = suite.only?.map((part) => `tests/${part}`) ?? ['tests'];
    const ignored = (suite.without ?? []).map((file) => `--ignore=tests/${file}`);
    return [process.env.LONGHAUL_PYTHON ?? 'python3', ['-m', 'pytest', ...files, ...ignored, ...options], 'python'];
  }
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const files = suite.only?.map((part) => `test/${suite.name}/${part}`) ?? [];
  return ['vitest', ['run', ...files, `--project=${suite.name}`, '--no-color', ...reporters, `--maxWorkers=${suite.workers}`], '.'];
}

/** What failed, told again at the end: whoever sees only the last lines sees these. */
const failures: string[] = [];

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function run(suite: Suite, prepared: Prepared): Promise<Counts> {
  const report = join(LOGS, `${suite.name}.${suite.runner === 'vitest' ? 'json' : 'xml'}`);
  const log = join(LOGS, `${suite.name}.log`);
  const times = join(LOGS, `${suite.name}.times`);
  for (const file of [report, times]) await rm(file, { force: true });
  const [program, args, cwd] = command(suite, report);
  const started = performance.now();
  const exitCode = await execute(suite, program, args, cwd, log, { ...prepared, LONGHAUL_TIMES: times });
  const text = existsSync(report) ? await readFile(report, 'utf8') : null;
  const counted = text === null ? NOTHING : suite.runner === 'vitest' ? countVitest(text) : countJunit(text);
  const counts = withExitCode(counted, exitCode);
  say(
    `${counts.failed === 0 ? 'ok  ' : 'FAIL'} ${suite.name}: ${summaryLine(counts)} (${((performance.now() - started) / 1000).toFixed(0)} s, ${processorSeconds(existsSync(times) ? await readFile(times, 'utf8') : '')} s of processors, ${log})`,
  );
  if (counts.failed > 0) failures.push(...(await whyFailed(suite, text, log)));
  return counts;
}

/** What the report says of each failure, or the end of the log where it names none: the runner crashed, or an error was nobody's. */
async function whyFailed(suite: Suite, report: string | null, log: string): Promise<readonly string[]> {
  const vitest = suite.runner === 'vitest';
  const failed = report === null ? [] : vitest ? vitestFailures(report) : junitFailures(report);
  const why = failed.map((failure) => shown(failure, vitest ? 'first' : 'last'));
  if (why.length === 0)
    why.push(`failed: ${suite.name}, outside of a test\n${(await readFile(log, 'utf8')).split('\n').slice(-80).join('\n')}`);
  for (const each of why) say(each);
  return why;
}

function execute(suite: Suite, program: string, args: readonly string[], cwd: string, log: string, prepared: Prepared): Promise<number> {
  return new Promise((done) => {
    const file = createWriteStream(log);
    const child = spawn('sh', ['-c', TIMED, 'sh', program, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...prepared, ...suite.env, PYTHONPATH: resolve('python') },
    });
    if (suite.yields && child.pid !== undefined) setPriority(child.pid, YIELDING);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        file.write(`${line}\n`);
        // One line a finished file is progress enough; the rest is in the log.
        if (/^\s*[✓❯×]\s/.test(line) && line.includes('.test.ts')) say(`     ${suite.name} ${line.trim()}`);
      });
    }
    child.on('error', (error) => file.write(`${error.message}\n`));
    child.on('close', (code) => file.end(() => done(code ?? 1)));
  });
}

async function runAll(suites: readonly Suite[], prepared: Prepared): Promise<Counts> {
  let total = NOTHING;
  const waiting = [...suites];
  const lane = async (): Promise<void> => {
    for (let suite = waiting.shift(); suite; suite = waiting.shift()) {
      const counts = await run(suite, prepared);
      total = add(total, counts);
      if (record && BY_NAME.includes(suite)) await writeRecord(suite.name, counts);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return total;
}

const KNOWN = [...SUITES, ...BY_NAME];
const {
  values: { record },
  words: wanted,
  refuse,
} = commandLine({
  call: 'npm test --',
  words: '[SUITE…]',
  about: `Runs tests: all suites, or some of quick, ${KNOWN.map(({ name }) => name).join(', ')}.`,
  options: {
    record: { type: 'boolean', default: false, about: 'keeps the counts of suites that are run by their own name in test/records' },
  },
});
const unknown = wanted.filter((name) => name !== 'quick' && !KNOWN.some((suite) => suite.name === name));
if (unknown.length > 0) refuse(`no such suite: ${unknown.join(', ')}; there are: quick, ${KNOWN.map((suite) => suite.name).join(', ')}`);
await mkdir(LOGS, { recursive: true });
const chosen =
  wanted.length === 0 ? SUITES : [...(wanted.includes('quick') ? QUICK : []), ...KNOWN.filter(({ name }) => wanted.includes(name))];
const present: Suite[] = [];
for (const suite of chosen) if (await hasTests(suite)) present.push(suite);
const started = performance.now();
const prepared = await prepare(new Set(present.flatMap(({ needs }) => needs)), say);
const minutes = (since: number): string => `${((performance.now() - since) / 60_000).toFixed(1)} min`;
const preparing = minutes(started);
const tests = performance.now();
const total = await runAll(present, prepared);
if (wanted.length === 0)
  for (const { name, command, why } of OWN_COMMANDS) say(`skip ${name}: ${why}: ${command}; ${await readRecord(name)}`);
for (const failure of failures) say(failure);
say(`prepared in ${preparing}, tested in ${minutes(tests)}`);
process.stdout.write(`${summaryLine(total)}\n`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

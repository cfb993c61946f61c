/** Reads from the runners' reports which tests failed, and why: the end of a log shows whoever wrote last. */
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { isBroken, type VitestReport } from './counts.ts';

/** A test that failed. */
interface Failure {
  /** File and name. */
  readonly test: string;
  /** What the runner says of it, without colours. */
  readonly message: string;
}

/** Lines of a message that are shown: what was expected, what came, and where. */
const LINES = 25;

const XML = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' } as const;
const plain = (xml: string): string =>
  xml.replace(/&(?:#(\d+)|#x([\da-f]+)|(lt|gt|quot|apos|amp));/gi, (_, decimal?: string, hex?: string, name?: keyof typeof XML) =>
    name ? XML[name] : String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex ?? '', 16)),
  );

/** Of vitest's JSON; a file that fails before its first test is one failure. */
export function vitestFailures(json: string): readonly Failure[] {
  return (JSON.parse(json) as VitestReport).testResults.flatMap((file) => {
    const name = relative('.', file.name);
    if (isBroken(file)) return [{ test: name, message: file.message ?? '' }];
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    return failed.map(({ fullName, failureMessages }) => ({ test: `${name} ${fullName}`, message: (failureMessages ?? []).join('\n') }));
  });
}

/** Of pytest's JUnit XML. */
export function junitFailures(xml: string): readonly Failure[] {
  return [...xml.matchAll(/<testcase\s([^>]*[^/])>([\s\S]*?)<\/testcase>/g)].flatMap(([, attributes = '', body = '']) => {
    const message = /<(?:failure|error)\s[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(body)?.[1];
    if (message === undefined) return [];
    const attribute = (name: string): string => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
    return [{ test: `${attribute('classname')} ${attribute('name')}`, message: plain(message) }];
  });
}

/** Name and the lines that say why: the last ones for Python, whose traceback ends with the error. */
export function shown({ test, message }: Failure, end: 'first' | 'last'): string {
  const lines = stripVTControlCharacters(message).trim().split('\n');
  const kept = end === 'first' ? lines.slice(0, LINES) : lines.slice(-LINES);
  return [`failed: ${test}`, ...kept.map((line) => `    ${line}`)].join('\n');
}

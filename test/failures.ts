/** Reads from the runners' reports which tests failed, and why: the end of a log shows whoever wrote last. */
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

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

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** Of vitest's JSON; a file that fails before its first test is one failure. */
export function vitestFailures(json: string): readonly Failure[] {
  return (JSON.parse(json) as VitestReport).testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative('.', name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [{ test: file, message: message ?? '' }];
    return failed.map(({ fullName, failureMessages }) => ({ test: `${file} ${fullName}`, message: (failureMessages ?? []).join('\n') }));
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

/**
 * Exports that no other file imports: they are private, or dead. What other programs import (the client, the contract of a pipeline in TypeScript),
 * what Temporal finds by its name and what is run is listed here as an entry.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { commandLine } from './command-line.ts';

/** Their exports are used from elsewhere: by other programs, by Temporal and Vitest. */
const ENTRIES = [
  /^src\/compile\/pipeline\.ts$/,
  /^src\/client\/index\.ts$/,
  /\/(?:changed-)?workflows?(?:\/index)?\.ts$/,
  /^workflows\/index\.ts$/,
  /^src\/codec\/failure-converter\.ts$/,
  /^test\/workflow\/short-patience\.ts$/,
  /\.(?:config|setup)\.ts$/,
  /\.d\.mts$/,
];
/** Messages that a workflow accepts stand above it and are its interface, whoever sends them; interceptors are found by Temporal. */
const MESSAGES = /^workflows\/.*:.*(?:Signal|Query|Update)$|:interceptors$/;

interface SourceText {
  readonly file: string;
  readonly text: string;
}

interface Unused {
  readonly file: string;
  readonly name: string;
}

interface Module {
  /** Name that others see → where it is defined, if that is another file. */
  readonly exports: ReadonlyMap<string, { readonly from: string; readonly name: string } | null>;
  readonly imports: readonly { readonly from: string; readonly names: readonly string[] | 'some' }[];
  readonly all: readonly string[];
  readonly text: string;
}

/** Comments and the contents of multi-line templates say nothing about imports. */
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');

const DECLARED = /^export (?:declare )?(?:async )?(?:abstract )?(?:function\*?|const|let|class|interface|type)\s+([A-Za-z_$][\w$]*)/gm;
const LISTED = /^export (?:type )?\{([^}]*)\}(?:\s*from\s*'([^']+)')?/gm;
const STAR = /^export (?:type )?\*(?: as ([\w$]+))? from '([^']+)'/gm;
const IMPORTED = /^import (?:type )?([\s\S]*?)\s*from\s*'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

const parts = (list: string): { readonly name: string; readonly as: string }[] =>
  list
    .split(',')
    .map((part) => part.trim().replace(/^type\s+/, ''))
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', as = name] = part.split(/\s+as\s+/);
      return { name, as };
    });

function moduleOf({ file, text: whole }: SourceText): Module {
  const text = withoutComments(whole);
  const at = (specifier: string): string => posix.join(dirname(file), specifier);
  const exports = new Map<string, { from: string; name: string } | null>();
  const imports: { from: string; names: readonly string[] | 'some' }[] = [];
  const all: string[] = [];
  for (const [, name = ''] of text.matchAll(DECLARED)) exports.set(name, null);
  for (const [, list = '', from] of text.matchAll(LISTED))
    for (const { name, as } of parts(list)) exports.set(as, from === undefined ? null : { from: at(from), name });
  for (const [, as, from = ''] of text.matchAll(STAR)) {
    if (as === undefined) all.push(at(from));
    else imports.push({ from: at(from), names: 'some' });
  }
  for (const [, what = '', from = ''] of text.matchAll(IMPORTED)) {
    const list = /\{([\s\S]*)\}/.exec(what)?.[1];
    imports.push({ from: at(from), names: what.includes('* as') || list === undefined ? 'some' : parts(list).map(({ name }) => name) });
  }
  for (const [, from = ''] of text.matchAll(DYNAMIC)) imports.push({ from: at(from), names: 'some' });
  return { exports, imports, all, text };
}

/** Of a namespace, or a module that is loaded later, a name counts as used where its importer has the word. @param sources paths as git has them */
export function unusedExports(sources: readonly SourceText[]): Unused[] {
  const modules = new Map(sources.map((source) => [source.file, moduleOf(source)]));
  const used = new Set<string>();
  const use = (file: string, name: string): void => {
    const key = `${file} ${name}`;
    if (used.has(key)) return;
    used.add(key);
    const module = modules.get(file);
    const there = module?.exports.get(name);
    if (there) use(there.from, there.name);
    else if (there === undefined) for (const from of module?.all ?? []) use(from, name);
  };
  const useAll = (file: string): void => {
    const module = modules.get(file);
    for (const name of module?.exports.keys() ?? []) use(file, name);
    module?.all.forEach(useAll);
  };
  for (const [file, { imports, text }] of modules) {
    if (ENTRIES.some((entry) => entry.test(file))) useAll(file);
    for (const { from, names } of imports) {
      if (names !== 'some') for (const name of names) use(from, name);
      else for (const name of namesOf(modules, from)) if (new RegExp(`\\b${name}\\b`).test(text)) use(from, name);
    }
  }
  return [...modules].flatMap(([file, { exports }]) =>
    [...exports.keys()].filter((name) => !used.has(`${file} ${name}`) && !MESSAGES.test(`${file}:${name}`)).map((name) => ({ file, name })),
  );
}

function namesOf(modules: ReadonlyMap<string, Module>, file: string): string[] {
  const module = modules.get(file);
  return module ? [...module.exports.keys(), ...module.all.flatMap((from) => namesOf(modules, from))] : [];
}

function readSources(root: string): SourceText[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx', '*.mts', '*.mjs'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
    .split('\n')
    .filter((file) => file !== '')
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
}

/** Without the word `export`, or the name in a list of them. */
function withoutExport(text: string, name: string): string {
  const declared = new RegExp(
    `^export ((?:declare )?(?:async )?(?:abstract )?(?:function\\*?|const|let|class|interface|type)\\s+${name}\\b)`,
    'm',
  );
  if (declared.test(text)) return text.replace(declared, '$1');
  return text.replaceAll(LISTED, (whole: string, list: string) => {
    const left = list.split(',').filter((part) => part.trim() !== '' && parts(part)[0]?.as !== name);
    if (left.length === 0) return '';
    return left.length === list.split(',').filter((part) => part.trim() !== '').length ? whole : whole.replace(list, `${left.join(',')} `);
  });
}

if (import.meta.main) {
  const found = unusedExports(readSources(process.cwd()));
  const { fix } = commandLine({
    call: 'node tools/unused-exports.ts',
    about: 'Exports that nobody imports.',
    options: { fix: { type: 'boolean', default: false, about: 'fixes what can be fixed' } },
  }).values;
  for (const { file, name } of found) {
    if (fix) writeFileSync(file, withoutExport(readFileSync(file, 'utf8'), name));
    process.stdout.write(`${file}: nobody imports ${name}${fix ? '' : '; remove the `export`, or what is not used'}\n`);
  }
  process.exitCode = found.length === 0 || fix ? 0 : 1;
}

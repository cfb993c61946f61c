import { expect, it } from 'vitest';
import { unusedExports } from '../../../tools/unused-exports.ts';

const found = (files: Readonly<Record<string, string>>): string[] =>
  unusedExports(Object.entries(files).map(([file, text]) => ({ file, text }))).map(({ file, name }) => `${file} ${name}`);

it.each([
  ['a function', 'export function lost(): void {}', 'lost'],
  ['an async one', 'export async function late() {}', 'late'],
  ['a constant', "export const NAME = 'x';", 'NAME'],
  ['a class', 'export abstract class Thing {}', 'Thing'],
  ['an interface', 'export interface Shape {}', 'Shape'],
  ['a type', 'export type Text = string;', 'Text'],
  ['a listed one', 'const a = 1;\nexport { a as b };', 'b'],
  ['one of which only a comment tells', 'export const told = 1; // import { told }', 'told'],
])('finds %s', (_what, text, name) => {
  expect(found({ 'src/a.ts': text, 'src/b.ts': '// import { lost } from "./a.ts"' })).toEqual([`src/a.ts ${name}`]);
});

it.each([
  ['named', "import { x } from './a.ts';"],
  ['as a type, under another name', "import {\n  type x as y,\n} from './a.ts';"],
  ['as a namespace', "import * as all from './a.ts';\nall.x();"],
  ['later', "const { x } = await import('./a.ts');"],
  ['as the type of an import', "let y: import('./a.ts').x;"],
  ['from another folder', "import { x } from '../src/a.ts';"],
])('leaves what is imported %s', (_how, text) => {
  expect(found({ 'src/a.ts': 'export const x = 1;', 'src/b.ts': text })).toEqual([]);
});

it('follows what is handed on, by name or whole, and tells of what nobody takes', () => {
  const files = {
    'src/a.ts': 'export const x = 1;\nexport const y = 2;',
    'src/index.ts': "export { x as z, y } from './a.ts';",
    'src/all.ts': "export * from './index.ts';",
  };
  expect(found({ ...files, 'test/t.ts': "import { z } from '../src/all.ts';" })).toEqual(['src/a.ts y', 'src/index.ts y']);
});

it('leaves the messages of workflows and what other programs import', () => {
  expect(found({ 'workflows/trial/trial.ts': 'export const stopSignal = 1;', 'src/client/index.ts': 'export const connect = 1;' })).toEqual(
    [],
  );
});

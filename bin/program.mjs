/** `node bin/program.mjs workers/control`: a program of ours by its path without its ending, which a clone and the installed package have not alike. */
import { pathToFileURL } from 'node:url';
import { programFile } from './setup-tools.mjs';

const [path, ...args] = process.argv.slice(2);
const file = programFile(...(path ?? '').split('/'));
process.argv = [process.execPath, file, ...args];
await import(pathToFileURL(file).href);

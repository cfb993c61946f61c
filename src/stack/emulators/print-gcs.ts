/** Prints the path of the GCS emulator, installed if it is missing: for tests that are not TypeScript. */
import { installFakeGcsServer } from './install.ts';

process.stdout.write(`${await installFakeGcsServer()}\n`);

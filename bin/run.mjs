/** `node bin/run.mjs FILE.ts [args]`: runs one of the repository's programs with everything set up. */
import { resolve } from 'node:path';
import { launch } from './launch.mjs';

const [file, ...args] = process.argv.slice(2);
if (!file) {
  process.stderr.write('usage: node bin/run.mjs FILE.ts [arguments]\n');
  process.exit(2);
}
await launch(resolve(file), args);

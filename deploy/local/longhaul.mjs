#!/usr/bin/env node
/** The command `longhaul`. */
import { join } from 'node:path';
import { launch } from './launch.mjs';
import { root } from './setup.mjs';

/** Commands that start or check a pipeline here need Python and Temporal; the others answer without them. */
const WITH_PYTHON = new Set(['example', 'dev', 'run', 'plan', 'compile']);

const args = process.argv.slice(2);
const python =
  WITH_PYTHON.has(args.find((argument) => !argument.startsWith('-')) ?? '') && !args.includes('--help') && !args.includes('-h');
await launch(join(root, 'src', 'cli', 'main.ts'), args, { python });

#!/usr/bin/env node
/** The command `longhaul`. */
import { WITH_PYTHON, commandWord } from './command-word.mjs';
import { launch } from './launch.mjs';
import { programFile, projectWithRuns } from './setup-tools.mjs';

/** These answer without, wherever they are asked. */
const NEVER = new Set(['init', 'completion', 'help']);

const args = process.argv.slice(2);
const command = commandWord(args) ?? 'help';
const helps = NEVER.has(command) || args.includes('--help') || args.includes('-h');
/** The others may start the servers of a project that has kept runs (src/cli/own-stack.ts). */
const mayStartServers = process.env.TEMPORAL_ADDRESS === undefined && projectWithRuns(process.cwd()) !== null;
await launch(programFile('src', 'cli', 'main'), args, { python: !helps && (WITH_PYTHON.has(command) || mayStartServers), tools: false });

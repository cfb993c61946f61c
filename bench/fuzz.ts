/** `npm run bench -- fuzz [--json] [--count 10000] [--seed 1]`: mutated projects through the compiler, mutated documents through their schemas. */
import { parseArgs } from 'node:util';
import { fuzz } from '../test/unit/compile/fuzz.ts';
import { parseMutants } from '../test/unit/security/mutate-document.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    count: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
});
const options = { count: Number(values.count), seed: Number(values.seed) };
const documents = parseMutants(options);
const projects = await fuzz(options);
const result = {
  documents_accepted: documents.accepted,
  documents_refused: documents.refused,
  projects_compiled: projects.compiled,
  projects_refused: projects.refused,
  slowest_ms: Math.round(Math.max(documents.slowestMs, projects.slowestMs)),
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)} ${value}\n`);
